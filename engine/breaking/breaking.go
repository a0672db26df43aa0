// Package breaking compares two OpenAPI documents of an API and says what the
// change from one to the other means for clients that were written for the first.
//
// Compare is the door. Documents of Dowel say in prose what OpenAPI has no words
// for (operators of filters, scopes, roles, limits of decimals), and that is compared, too;
// documents of others are compared as far as OpenAPI goes.
//
// Directions matter. What clients send may become wider, never narrower; what they
// are shown may become narrower, never wider.
//
//	document.go    the parts of a document that are compared
//	operations.go  paths, operations, parameters, answers, roles
//	schemas.go     what is sent and shown
//	values.go      limits, patterns, enums, defaults of values
//	prose.go       what documents say in sentences
//	fold.go        one finding for one cause
package breaking

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity is what a change means for clients.
type Severity string

// The severities: Breaking fails requests or readers that were right before; Risky
// may surprise some; Harmless is what old clients never notice.
const (
	Breaking Severity = "breaking"
	Risky    Severity = "risky"
	Harmless Severity = "harmless"
)

var severities = []Severity{Breaking, Risky, Harmless}

// Finding is one change.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // a stable word: member-removed
	// The place: a member of a class, a parameter of it, an operation ("GET /customers/{id}"), or
	// nothing for the API as a whole.
	Class     string `json:"class,omitempty"`
	Field     string `json:"field,omitempty"` // path below the class: address.zip
	Parameter string `json:"parameter,omitempty"`
	Operation string `json:"operation,omitempty"`
	Message   string `json:"message"`
	Help      string `json:"help,omitempty"` // how to do without it, or why it matters
}

// Place is where the change is, for people.
func (f *Finding) Place() string {
	switch {
	case f.Operation != "":
		return strings.TrimSuffix(f.Operation+" "+f.Parameter+f.Field, " ")
	case f.Parameter != "":
		return f.Class + " ?" + f.Parameter
	case f.Field != "":
		return f.Class + "." + f.Field
	case f.Class != "":
		return f.Class
	}
	return "API"
}

// Pair is one document before and after.
type Pair struct{ Old, New []byte }

// Knowledge is what documents do not say about the newer application; all of it is optional.
type Knowledge struct {
	// Includes lists the roles that a role includes, at any depth.
	Includes map[string][]string
	// Renamed are the new names of members and classes by their old places: Customer.phone.
	Renamed map[string]string
}

// Compare says what changed. Several pairs are editions of the same two documents:
// what one of them leaves open the other may say. Findings come worst first.
func Compare(k Knowledge, pairs ...Pair) ([]Finding, error) {
	all := &findings{byKey: map[string]*Finding{}, editions: map[*Finding]int{}}
	for i, p := range pairs {
		all.edition = i
		before, err := read(p.Old)
		if err != nil {
			return nil, fmt.Errorf("the older document: %w", err)
		}
		after, err := read(p.New)
		if err != nil {
			return nil, fmt.Errorf("the newer document: %w", err)
		}
		c := &comparer{old: before, new: after, known: k, out: all, seen: map[visit]bool{}}
		all.tags(before, after)
		c.document()
	}
	return all.folded(k), nil
}

// Count is how many findings have a severity.
func Count(found []Finding, s Severity) (n int) {
	for i := range found {
		if found[i].Severity == s {
			n++
		}
	}
	return n
}

// comparer compares two documents.
type comparer struct {
	old, new *document
	known    Knowledge
	out      *findings
	seen     map[visit]bool
}

// visit is two schemas that were compared, in a direction.
type visit struct {
	old, new *schema
	dir      direction
}

// findings collects what was found, each change once, however many ways lead to it.
type findings struct {
	list     []*Finding
	byKey    map[string]*Finding
	editions map[*Finding]int // the pair that a finding is of
	edition  int              // the one that is compared now
	// gone and fresh are the classes that only the older and only the newer document has.
	gone, fresh map[string]bool
}

func (all *findings) tags(before, after *document) {
	all.gone, all.fresh = map[string]bool{}, map[string]bool{}
	for _, t := range before.Tags {
		all.gone[t.Name] = true
	}
	for _, t := range after.Tags {
		if !all.gone[t.Name] {
			all.fresh[t.Name] = true
		}
		delete(all.gone, t.Name)
	}
}

func (all *findings) tell(f Finding) {
	key := strings.Join([]string{f.Code, f.Class, f.Field, f.Parameter, f.Operation}, "|")
	if have := all.byKey[key]; have != nil {
		switch worse := slices.Index(severities, have.Severity) - slices.Index(severities, f.Severity); {
		case worse > 0:
			*have = f
		case worse == 0 && all.editions[have] == all.edition && !strings.Contains(have.Message, f.Message):
			have.Message += "; " + f.Message
		}
		return
	}
	all.byKey[key] = &f
	all.editions[&f] = all.edition
	all.list = append(all.list, &f)
}

// sorted is worst first, then by place.
func sorted(list []*Finding) []Finding {
	out := make([]Finding, len(list))
	for i, f := range list {
		out[i] = *f
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
			cmp.Compare(a.Place(), b.Place()), cmp.Compare(a.Code, b.Code))
	})
	return out
}
