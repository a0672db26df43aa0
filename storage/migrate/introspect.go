package migrate

import (
	"context"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/language"
	"github.com/dowel-dev/dowel/storage/sqlgen"
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

// columns makes fields of the columns of a class, and finds its key.
func (s *sketcher) columns(k *sketch) {
	t := k.table
	k.timestamps = s.keepsTime(t, "created_at") && s.keepsTime(t, "updated_at")
	k.softDelete = s.deletesSoftly(t)
	for _, c := range t.Columns {
		switch {
		case c.Name == sqlgen.VersionColumn:
			continue
		case k.timestamps && (c.Name == "created_at" || c.Name == "updated_at"), k.softDelete && c.Name == "deleted_at":
			k.members[c.Name] = true
			continue
		case len(t.Key) == 1 && c.Name == "id" && t.Key[0] == "id" && c.Refers == nil && s.generatedID(k, c):
			k.members["id"] = true
			continue
		}
		s.column(k, c)
	}
	if len(t.Key) > 1 {
		k.members["id"] = true // made of the key
	}
	if k.members["id"] && k.id == "" && len(t.Key) == 1 && t.Key[0] == "id" && !slices.ContainsFunc(k.fields, func(f *fieldSketch) bool { return f.column != nil && f.column.Name == "id" }) {
		return
	}
	if k.id != "" {
		return
	}
	for _, name := range t.Key {
		for _, f := range k.fields {
			if f.column != nil && f.column.Name == name {
				k.key = append(k.key, f.name)
			}
		}
	}
}

// generatedID reports whether a column id is what a class has without saying so.
func (s *sketcher) generatedID(k *sketch, c *Column) bool {
	sp, _ := s.typeOf(k.table, c)
	switch sp.typ {
	case "int":
		return !s.d.identity() || c.numbered()
	case "bigint", "uuid":
		if sp.typ == "uuid" && !isRandomUUID(c.Default) && !c.noted || sp.typ == "bigint" && s.d.identity() && !c.numbered() {
			return false
		}
		k.id = sp.typ
		return true
	}
	return false
}

// column makes a field of a column, or a comment.
func (s *sketcher) column(k *sketch, c *Column) {
	t := k.table
	sp, why := s.typeOf(t, c)
	switch {
	case c.generated:
		why = "the database works it out"
	case why == "" && !validColumnName(c.Name):
		why = "its name is not made of letters, digits and _"
	}
	if why != "" {
		note := c.Name + " " + strings.ToLower(c.Type) + ": " + why
		if c.NotNull && c.Default == "" && !c.generated && !c.Identity {
			note += "; every row needs it, so none can be created here"
		}
		k.hidden = append(k.hidden, note)
		return
	}
	f := &fieldSketch{column: c, spec: sp}
	f.name = nameOf(c.Name)
	if c.Refers != nil && s.byTable[c.Refers.Table] != nil && s.leadsToKey(c.Refers) && !slices.Contains(s.links, s.db.Table(c.Refers.Table)) {
		f.to = s.byTable[c.Refers.Table]
		if short, ok := strings.CutSuffix(f.name, "_id"); ok && short != "" && short[len(short)-1] != '_' {
			f.name = short
		}
	} else if c.Refers != nil {
		f.comment = "refers to " + c.Refers.Table + " (" + c.Refers.Column + ")"
	}
	isKey := slices.Contains(t.Key, c.Name)
	if !c.NotNull && !isKey {
		f.spec.flag("optional")
	}
	s.filled(k, f)
	k.fields = append(k.fields, f)
}

// filled says where the values of a field come from.
func (s *sketcher) filled(k *sketch, f *fieldSketch) {
	c, t := f.column, k.table
	whole := f.spec.typ == "int" || f.spec.typ == "bigint"
	single := len(t.Key) == 1 && t.Key[0] == c.Name
	switch {
	case f.to != nil:
		if single || c.Default != "" && c.Default != "NULL" {
			s.fallback(f)
		}
	case c.Limits != nil && c.Limits.Per != "":
		f.spec.set("auto", "sequence")
		f.spec.per = c.Limits.Per
	case whole && s.counted[t.Name+"."+c.Name]:
		f.spec.set("auto", "sequence")
	case whole && single && (!s.d.identity() || c.numbered()):
		f.spec.set("auto", "sequence")
	case f.spec.typ == "uuid" && isRandomUUID(c.Default):
		f.spec.set("auto", "uuid")
	case c.noted && !t.Adopted && c.Default != "" && f.spec.typ == "uuid":
		f.spec.set("auto", "uuid")
	default:
		s.fallback(f)
	}
}

// fallback says what a field is without a value, as the database does.
func (s *sketcher) fallback(f *fieldSketch) {
	d := strings.TrimSpace(f.column.Default)
	if d == "" || strings.EqualFold(d, "null") || strings.HasPrefix(strings.ToUpper(d), "NULL::") {
		return
	}
	text, ok := constantOf(d)
	if f.spec.typ == "bool" && (text == "0" || text == "1") {
		text = map[string]string{"0": "false", "1": "true"}[text]
	}
	switch {
	case isNow(d) && (f.spec.typ == "datetime" || f.spec.typ == "date" || f.spec.typ == "time"):
		f.spec.set("default", "now")
	case ok && f.to == nil && f.spec.takes(text):
		f.spec.value("default", text)
	default:
		f.comment = joined(f.comment, "default "+d)
	}
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// references settles the names of fields, which may not meet others.
func (s *sketcher) references(k *sketch) {
	for _, f := range k.fields {
		plain := f.name
		for n := 1; s.clashes(k, f); n++ {
			switch n {
			case 1:
				f.name = nameOf(f.column.Name)
			case 2:
				f.name = plain + "_ref"
			case 3:
				f.name = plain + "_value"
			default:
				f.name = plain + "_" + itoa(n)
			}
		}
		k.members[f.name] = true
		derived := f.name
		if f.to != nil {
			derived += "_id"
			k.members[derived] = true
		}
		if f.column.Name != derived {
			f.spec.value("column", f.column.Name)
		}
		for i, key := range k.key {
			if key == plain {
				k.key[i] = f.name
			}
		}
		if f.to != nil {
			s.follow(k, f)
		}
	}
	for _, f := range k.fields {
		if f.spec.per == "" {
			continue
		}
		for _, g := range k.fields {
			if g.column.Name == f.spec.per {
				f.spec.set("per", g.name)
			}
		}
	}
}

func (s *sketcher) clashes(k *sketch, f *fieldSketch) bool {
	if k.members[f.name] || language.ReservedMember(f.name) || f.to != nil && k.members[f.name+"_id"] || f.name == "id" && len(k.table.Key) > 1 {
		return true
	}
	// A field that comes later keeps the name of its column.
	for _, g := range k.fields {
		if g != f && g.column != nil && g.to == nil && (nameOf(g.column.Name) == f.name || f.to != nil && nameOf(g.column.Name) == f.name+"_id") && !k.members[g.name] {
			return f.to != nil
		}
	}
	return false
}

// follow makes a field a reference.
func (s *sketcher) follow(k *sketch, f *fieldSketch) {
	optional := f.spec.has("optional")
	kept := f.spec.words
	f.spec = spec{typ: f.to.name}
	for _, w := range kept {
		switch w.name {
		case "optional", "column":
			f.spec.words = append(f.spec.words, w)
		}
	}
	switch f.column.Refers.onDelete {
	case "cascade":
		f.spec.set("on_delete", "cascade")
	case "set null":
		if optional {
			f.spec.set("on_delete", "set_null")
		}
	case "set default":
		f.comment = joined(f.comment, "on delete set default")
	}
	if f.column.Default != "" && !strings.EqualFold(f.column.Default, "null") {
		f.comment = joined(f.comment, "default "+f.column.Default)
	}
}

// sets makes fields of link tables.
func (s *sketcher) sets() {
	for _, t := range s.links {
		own, other := t.Column(t.Key[0]), t.Column(t.Key[1])
		if !s.set(t, own, other) && (t.Ours && !t.Adopted || !s.set(t, other, own)) {
			s.class(t)
			k := s.byTable[t.Name]
			s.nameLate(k)
			s.columns(k)
			s.references(k)
		}
	}
}

// nameLate names a class that was to be a set.
func (s *sketcher) nameLate(k *sketch) {
	base := singular(nameOf(k.table.Name))
	k.name = base
	for n := 2; slices.ContainsFunc(s.classes, func(o *sketch) bool { return o != k && (o.name == k.name || o.plural == schema.Plural(k.name)) }) || isTypeWord(k.name); n++ {
		k.name = base + "_" + itoa(n)
	}
	k.plural = schema.Plural(k.name)
}

// set makes a set of a link table, if the names of its columns are those that it would have.
func (s *sketcher) set(t *Table, own, other *Column) bool {
	k, to := s.byTable[own.Refers.Table], s.byTable[other.Refers.Table]
	if own.Name != k.name+"_id" {
		return false
	}
	name := schema.Plural(to.name)
	if k == to {
		short, ok := strings.CutSuffix(other.Name, "_id")
		if !ok || short == k.name {
			return false
		}
		name = short
	} else if other.Name != to.name+"_id" {
		return false
	}
	if rest, ok := strings.CutPrefix(t.Name, k.table.Name+"_"); ok && nameOf(rest) == rest && !k.members[rest] && (k != to && rest != to.name || t.Ours && !t.Adopted) {
		name = rest
	}
	if k.members[name] || language.ReservedMember(name) {
		return false
	}
	f := &fieldSketch{name: name, to: to, spec: spec{many: to.name}}
	if t.Name != k.table.Name+"_"+name {
		f.spec.value("table", t.Name)
	}
	k.members[name] = true
	k.fields = append(k.fields, f)
	return true
}

// inverses names the ways back that would meet others.
func (s *sketcher) inverses() {
	for _, k := range s.classes {
		ways := map[*sketch]int{}
		for _, f := range k.fields {
			if f.to != nil {
				ways[f.to]++
			}
		}
		for _, f := range k.fields {
			if f.to == nil {
				continue
			}
			name := k.plural
			if f.spec.has("unique") || len(k.key) == 1 && k.key[0] == f.name {
				name = k.name
			}
			if ways[f.to] > 1 || f.to.members[name] {
				base := f.name + "_" + name
				name = base
				for n := 2; f.to.members[name] || f.to.members[name+"_id"]; n++ {
					name = base + "_" + itoa(n)
				}
				f.spec.set("inverse", name)
			}
			f.to.members[name] = true
		}
	}
}

// remarks are what the database has and a class cannot say.
func (s *sketcher) remarks(k *sketch) {
	for _, w := range k.table.wide {
		k.remarks = append(k.remarks, "reference of several columns: "+w)
	}
	for _, o := range s.db.Others {
		if o.Table != k.table.Name {
			continue
		}
		switch {
		case o.Kind == "trigger":
			k.remarks = append(k.remarks, "trigger "+o.Name)
		case strings.HasPrefix(o.SQL, "FOREIGN KEY"), s.isList(k, o.SQL):
		default:
			k.remarks = append(k.remarks, strings.TrimSpace(o.Kind+" "+o.Name+" "+o.SQL))
		}
	}
	for name, text := range sortedChecks(k.table) {
		if k.checks == nil {
			k.checks = map[string]string{}
		}
		k.checks[name] = text
	}
}

// isList reports whether a constraint has become the values of an enum.
func (s *sketcher) isList(k *sketch, sql string) bool {
	column, values := checkedList(sql)
	return values != nil && slices.ContainsFunc(k.fields, func(f *fieldSketch) bool { return f.column != nil && f.column.Name == column && f.spec.enum != nil })
}

// fitsKey reports whether values of the type of the spec can identify rows.
func (sp *spec) fitsKey() bool {
	t, err := sp.build()
	return err == nil && t.Traits().Key
}
