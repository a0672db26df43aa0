package migrate

import (
	"context"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/language"
)

// Sketch is a schema made of the tables of a database.
type Sketch struct {
	Text    string // a schema file
	Classes int
	// Left are tables that no class could be made for, with the reason.
	Left []string
}

// Introspect describes the tables of a database, whoever made them, as a schema that wants them
// as they are. What the language cannot say is a comment.
func Introspect(ctx context.Context, c Conn) (*Sketch, error) {
	have, err := Inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	s := &sketcher{ctx: ctx, ask: c, d: c.Dialect(), db: have, byTable: map[string]*sketch{}, counted: map[string]bool{}}
	s.sequences()
	s.choose()
	s.name()
	for _, k := range s.classes {
		s.columns(k)
	}
	for _, k := range s.classes {
		s.references(k)
	}
	s.sets()
	for _, k := range s.classes {
		s.indexes(k)
		s.remarks(k)
	}
	s.inverses()
	if s.err != nil {
		return nil, s.err
	}
	return &Sketch{Text: s.print(), Classes: len(s.classes), Left: s.left}, nil
}

// sketcher makes classes of tables.
type sketcher struct {
	ctx     context.Context
	ask     Asker
	d       Dialect
	db      *Database
	classes []*sketch
	byTable map[string]*sketch
	links   []*Table
	counted map[string]bool // columns with sequences of ours: table.column
	left    []string
	types   map[*Column]typed
	err     error
}

// sketch is a class on its way.
type sketch struct {
	table      *Table
	name       string
	plural     string // as the language derives it from name and collection
	collection string // "" when it is the derived one
	members    map[string]bool
	fields     []*fieldSketch
	hidden     []string // comments: columns that no field has
	remarks    []string // comments: what the database has beyond the class
	key        []string // names of fields; nil is a generated id
	id         string   // type of a generated id that is not the default
	timestamps bool
	softDelete bool
	uniques    [][]string
	indexes    [][]string
	checks     map[string]string
}

// fieldSketch is a field on its way.
type fieldSketch struct {
	name    string
	column  *Column // nil for a set
	to      *sketch // of a reference or a set
	spec    spec
	comment string
}

func (s *sketcher) count(sql string) (n int64) {
	if s.err == nil {
		s.err = s.ask.Query(s.ctx, sql, func(cols []string) { n = integer(cols[0]) })
	}
	return n
}

// sequences finds the columns that are counted in groups, or over all rows.
func (s *sketcher) sequences() {
	if s.db.ready {
		s.err = s.ask.Query(s.ctx, "select distinct name from _dowel_sequences", func(cols []string) { s.counted[cols[0]] = true })
	}
}

// choose tells tables of classes from link tables and from what no class can be made of.
func (s *sketcher) choose() {
	for _, t := range s.db.Tables {
		switch why := s.unfit(t); {
		case s.isLink(t):
			s.links = append(s.links, t)
		case why != "":
			s.left = append(s.left, t.Name+": "+why)
		default:
			s.class(t)
		}
	}
	s.links = slices.DeleteFunc(s.links, func(t *Table) bool {
		for _, c := range t.Columns {
			if s.byTable[c.Refers.Table] == nil {
				s.class(t)
				return true
			}
		}
		return false
	})
}

func (s *sketcher) class(t *Table) {
	k := &sketch{table: t, members: map[string]bool{}}
	s.classes = append(s.classes, k)
	s.byTable[t.Name] = k
}

// unfit says why a table cannot be that of a class.
func (s *sketcher) unfit(t *Table) string {
	switch {
	case !validColumnName(t.Name):
		return "its name is not made of letters, digits and _"
	case strings.HasPrefix(t.Name, "_dowel_"):
		return "it belongs to the engine"
	case len(t.Key) == 0:
		return "it has no primary key"
	case strings.Contains(strings.ToLower(withoutQuoted(t.sql)), "without rowid"):
		return "it is a table without rowid"
	}
	for _, name := range t.Key {
		c := t.Column(name)
		if c == nil || !validColumnName(name) {
			return "its key has a column that no field can have"
		}
		if _, why := s.typeOf(t, c); why != "" {
			return "its key is " + strings.ToLower(c.Type)
		}
		if sp, _ := s.typeOf(t, c); !sp.fitsKey() {
			return "its key is " + strings.ToLower(c.Type) + ", which cannot identify a row"
		}
	}
	return ""
}

// validColumnName follows the language: letters, digits and _.
func validColumnName(name string) bool {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return name != "" && len(name) <= 60 && !strings.HasPrefix(strings.ToLower(name), "sqlite")
}

// isLink reports whether a table is nothing but pairs of rows of two classes.
func (s *sketcher) isLink(t *Table) bool {
	if len(t.Columns) != 2 || len(t.Key) != 2 || !validColumnName(t.Name) {
		return false
	}
	for _, c := range t.Columns {
		if c.Refers == nil || !s.leadsToKey(c.Refers) {
			return false
		}
	}
	return true
}

// leadsToKey reports whether a reference leads to the whole key of a table.
func (s *sketcher) leadsToKey(r *Reference) bool {
	to := s.db.Table(r.Table)
	return to != nil && len(to.Key) == 1 && to.Key[0] == r.Column
}

// name gives every class a name: that of the table in the singular. Sets that were made here
// know the name of their class, since their columns are called after it.
func (s *sketcher) name() {
	hints := map[string]string{}
	for _, t := range s.links {
		if own := t.Column(t.Key[0]); t.Ours && !t.Adopted {
			if name, ok := strings.CutSuffix(own.Name, "_id"); ok && hints[own.Refers.Table] == "" {
				hints[own.Refers.Table] = name
			}
		}
	}
	taken := map[string]bool{}
	collections := map[string]bool{}
	for _, k := range s.classes {
		base := hints[k.table.Name]
		if base == "" {
			base = singular(nameOf(k.table.Name))
		}
		for _, name := range []string{base, nameOf(k.table.Name), base + "_row", base + "_record"} {
			if k.name = name; !taken[name] && !isTypeWord(name) {
				break
			}
		}
		for n := 2; taken[k.name] || isTypeWord(k.name); n++ {
			k.name = base + "_" + itoa(n)
		}
		taken[k.name] = true
		k.plural = schema.Plural(k.name)
		collection := schema.Kebab(k.plural)
		for n := 2; collections[collection] || language.ReservedCollection(collection); n++ {
			k.collection = schema.Kebab(k.plural) + "-" + itoa(n)
			collection = k.collection
		}
		if k.collection != "" {
			k.plural = schema.Snake(k.collection)
		}
		collections[collection] = true
	}
}

// isTypeWord reports whether a name means a type, so that no class can have it.
func isTypeWord(name string) bool {
	if name == "many" || name == "list" || name == "enum" {
		return true
	}
	return slices.ContainsFunc(schema.BuiltinTypes(), func(d schema.TypeDef) bool { return d.Name == name })
}

// nameOf makes a name of the language of any name.
func nameOf(s string) string {
	name := schema.Snake(strings.Map(func(r rune) rune {
		if r < 128 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
			return r
		}
		return '_'
	}, s))
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		name = "t_" + name
	}
	return name[:min(len(name), 50)]
}

// singular is the word that the plural is of, if the language's own rule leads back.
func singular(name string) string {
	cut := strings.LastIndexByte(name, '_') + 1
	word := name[cut:]
	candidates := []string{}
	if one := irregular[word]; one != "" {
		candidates = append(candidates, one)
	}
	for _, end := range [][2]string{{"ies", "y"}, {"es", ""}, {"s", ""}} {
		if stem, ok := strings.CutSuffix(word, end[0]); ok && len(stem) > 1 {
			candidates = append(candidates, stem+end[1])
		}
	}
	for _, one := range candidates {
		if schema.Plural(one) == word && one != word {
			return name[:cut] + one
		}
	}
	return name
}

// irregular are plurals that no ending tells.
var irregular = map[string]string{
	"people": "person", "children": "child", "men": "man", "women": "woman", "mice": "mouse", "geese": "goose", "feet": "foot", "teeth": "tooth",
	"quizzes": "quiz", "gases": "gas", "buses": "bus", "aliases": "alias", "media": "medium", "criteria": "criterion", "matrices": "matrix",
	"vertices": "vertex", "axes": "axis", "analyses": "analysis", "bases": "basis", "crises": "crisis", "theses": "thesis", "diagnoses": "diagnosis",
	"leaves": "leaf", "lives": "life", "knives": "knife", "wives": "wife", "halves": "half", "shelves": "shelf", "wolves": "wolf",
}
