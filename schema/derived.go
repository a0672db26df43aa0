package schema

import "slices"

// Derived is a name that documents of the API and clients make of the names of
// a class: one of a schema, of a response or of an operation.
type Derived struct {
	Name string
	Of   string // what has it, as errors call it: the input of `order.ship`
	Pos  Pos    // of what it is made of
}

// parts are what documents describe of every class, by the ends of their names.
// They are words that nobody calls a class of their own by: there is no `List`, since
// many have prices and price lists.
var parts = []string{
	"Create", "Replace", "Patch", "PatchMap", "PatchItem", "Lookup", "Records", "ById", "ByClass", "MemberValue",
	"BulkUpdate", "BulkDelete", "ImportReport",
	"Envelope", "RecordsEnvelope", "CreatedEnvelope", "ByIdEnvelope", "MemberValueEnvelope", "ImportedEnvelope",
	"RecordAnswer", "RecordsAnswer", "ChangedAnswer", "WrittenAnswer",
}

// DerivedSchemas are the names of schemas and responses that are made of a
// class, whether or not the application comes to show them all. The first is its own.
func (c *Class) DerivedSchemas() []Derived {
	d := derived{c: c, met: map[Type]bool{}}
	d.add("", "the class `"+c.Name+"`", c.Pos)
	for _, end := range parts {
		d.add(end, "what is described of `"+c.Name+"`", c.Pos)
	}
	for _, f := range c.Fields {
		d.objects(f.Type, "."+f.JSON, "the members of `"+c.Name+"."+f.Name+"`", f.Pos)
		if f.Type.Name() == "file" {
			d.add(f.JSON+" FileEnvelope", "what is answered of `"+c.Name+"."+f.Name+"`", f.Pos)
		}
	}
	for _, r := range c.Relations {
		if in := r.Back; in != nil && (in.Kind == ToMany || in.Kind == InverseOne) {
			d.add("CreateIn "+in.From.TypeName+" "+in.Name, "what makes a `"+c.Name+"` of a `"+in.From.Name+"`", c.Pos)
		}
	}
	for _, a := range c.Actions {
		of := "`" + c.Name + "." + a.Name + "`"
		for _, end := range []string{"Input", "Result", "ResultEnvelope", "AnswerEnvelope"} {
			d.add(a.Name+" "+end, "what is sent to and answered by "+of, a.Pos)
		}
		for _, f := range slices.Concat(a.Input, a.ReturnFields) {
			d.objects(f.Type, a.Name+"."+f.JSON, "the members of `"+f.Name+"` of "+of, f.Pos)
		}
	}
	return d.all
}

type derived struct {
	c   *Class
	all []Derived
	met map[Type]bool
}

func (d *derived) add(end, of string, pos Pos) {
	d.all = append(d.all, Derived{d.c.TypeName + Pascal(end), of, pos})
}

// objects adds the nested objects of a type, which have schemas of their own. It follows a
// type once: types of types of types unfold to more places than there is time for.
func (d *derived) objects(t Type, path, of string, pos Pos) {
	switch t := t.(type) {
	case *ObjectType:
		for _, end := range []string{"", ".Input", ".Patch"} {
			d.add(path+end, of, pos)
		}
		if d.met[t] {
			return
		}
		d.met[t] = true
		for _, f := range t.Fields() {
			d.objects(f.Type, path+"."+f.JSON, of, pos)
		}
	case *ListType:
		d.objects(t.Elem(), path+".Item", of, pos)
	}
}

// DerivedOperations are the ids of operations that are made of a class, whether or not
// it comes to offer them all.
func (c *Class) DerivedOperations() (all []Derived) {
	add := func(name, of string, pos Pos) { all = append(all, Derived{name, of, pos}) }
	one, many := c.TypeName, c.Many()
	class := "an operation on `" + c.Name + "`"
	for _, verb := range []string{"list", "update", "delete", "bulkImport", "bulkUpdate", "bulkDelete"} {
		add(verb+many, class, c.Pos)
	}
	for _, verb := range []string{"create", "get", "replace", "update", "delete", "restore", "purge"} {
		add(verb+one, class, c.Pos)
	}
	for _, verb := range []string{"get", "replace", "clear"} {
		add(verb+one+"Property", class, c.Pos)
	}
	if c.History {
		add("get"+one+"History", class, c.Pos)
		add("undo"+one, class, c.Pos)
	}
	for _, f := range c.Fields {
		if f.Type.Name() == "file" {
			for _, verb := range []string{"download", "upload", "clear"} {
				add(verb+one+Pascal(f.Name), "an operation on `"+c.Name+"."+f.Name+"`", f.Pos)
			}
		}
	}
	for _, r := range c.Relations {
		for _, verb := range []string{"list", "get", "create", "update", "delete"} {
			add(verb+Pascal(r.Name)+"Of"+one, "an operation on `"+c.Name+"."+r.Name+"`", r.Field.Pos)
		}
	}
	for _, a := range c.Actions {
		name := Camel(a.Name) + one
		if a.OnCollection {
			name = Camel(a.Name) + many
		}
		add(name, "the action `"+c.Name+"."+a.Name+"`", a.Pos)
	}
	return all
}

// Many is the plural of a class's name as ids of operations have it.
func (c *Class) Many() string {
	if many := Pascal(c.Plural); many != c.TypeName {
		return many
	}
	return "Many" + c.TypeName // sheep
}
