package load

import (
	"slices"
	"strings"
)

// One mistake is one message: names whose declaration was refused are
// remembered, and using them is not reported again.

// spoil remembers a name of some kind; names within a class come after its name.
func (l *loader) spoil(kind string, names ...string) {
	l.broken[kind+" "+strings.Join(names, " ")] = true
}

func (l *loader) spoiled(kind string, names ...string) bool {
	if l.broken[kind+" "+strings.Join(names, " ")] {
		return true
	}
	all := append(slices.Clone(names[:len(names)-1]), "*")
	return l.broken[kind+" "+strings.Join(all, " ")]
}

// spoilAll remembers that a section that declares names of a kind could not be
// read, so that no name of the kind is known to be wrong.
func (l *loader) spoilAll(v value, kind string, within ...string) {
	if v.given() && !v.isMap() && !v.isNull() {
		l.spoil(kind, append(slices.Clone(within), "*")...)
	}
}

// spoilWay remembers the names that the way back of a refused reference could
// have had, on whatever class it was meant to refer to.
func (l *loader) spoilWay(d *fieldDecl) {
	c := d.class.c
	l.ways[c.Plural], l.ways[c.Name] = true, true
	if d.spec == nil {
		return
	}
	if o := d.spec.find("inverse"); o != nil {
		l.ways[o.text] = true
	}
}

// lost reports whether a member of a class is missing because of a mistake told elsewhere.
func (l *loader) lost(d *classDecl, name string) bool {
	return l.ways[name] || l.spoiled("member", d.c.Name, name) || l.spoiled("member", d.c.Name, strings.TrimSuffix(name, "_id"))
}
