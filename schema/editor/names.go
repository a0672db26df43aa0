package editor

import (
	"io/fs"
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
)

// Names are the names a project has declared, which its editor completes.
type Names struct {
	Classes, Roles, RowRoles, Types, Mixins, Actions []string
}

// Collect finds the names in the schema files of an application. It works on
// broken applications too: what can be read is taken, so that completion stays
// while somebody types.
func Collect(fsys fs.FS, root string) Names {
	var n Names
	for _, name := range load.Files(fsys, root) {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			continue
		}
		doc, _ := load.Document(name, data)
		n.add(doc)
	}
	for _, list := range []*[]string{&n.Classes, &n.Roles, &n.RowRoles, &n.Types, &n.Mixins, &n.Actions} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return n
}

func (n *Names) add(doc *load.Node) {
	n.Roles = append(n.Roles, keys(doc.Member("roles"))...)
	n.Types = append(n.Types, keys(doc.Member("types"))...)
	n.Mixins = append(n.Mixins, keys(doc.Member("mixins"))...)
	n.Classes = append(n.Classes, keys(doc.Member("classes"))...)
	for _, section := range []string{"classes", "mixins"} {
		list := doc.Member(section)
		if list == nil {
			continue
		}
		for i := range list.Members {
			c := &list.Members[i].Value
			n.RowRoles = append(n.RowRoles, keys(c.Member("roles"))...)
			n.Actions = append(n.Actions, keys(c.Member("actions"))...)
		}
	}
}

func keys(n *load.Node) []string {
	if n == nil {
		return nil
	}
	var names []string
	for _, m := range n.Members {
		names = append(names, m.Name)
	}
	return names
}

// typeWords are the built-in types that a field text may begin with; the others have a map form only.
func typeWords(defs []schema.TypeDef) []schema.TypeDef {
	return slices.DeleteFunc(slices.Clone(defs), func(d schema.TypeDef) bool {
		return d.Name == "enum" || d.Name == "list" || d.Name == "object"
	})
}
