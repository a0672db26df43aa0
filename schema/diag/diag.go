// Package diag is how Dowel tells people what is wrong with what they wrote:
// a code that stays, a sentence, a place, and what to type instead.
//
// Readers of schema, policy and settings files append to a List, so that all
// mistakes are reported in one pass. The render files show a List to people
// (text, short) and to tools (json, github, sarif). codes.go holds the code
// table and the page of each code for `explain E023`.
package diag

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/dowel-dev/dowel/schema"
)

// Severity says whether a finding stops the application.
type Severity uint8

// The severities.
const (
	Error Severity = iota
	Warning
)

// String returns error or warning.
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Related is a second place of a finding.
type Related struct {
	Pos     schema.Pos
	Message string
}

// Diagnostic is one finding.
type Diagnostic struct {
	Code     string // E023, W001
	Severity Severity
	Message  string // a sentence that stands alone
	Label    string // a few words under the caret
	Help     string // the exact text to type, or ""
	Pos      schema.Pos
	Related  []Related
}

// Error returns the finding in one line.
func (d *Diagnostic) Error() string { return short(d) }

// List is what was found.
type List []Diagnostic

// Add appends a finding; its severity follows from its code.
func (l *List) Add(d Diagnostic) {
	if d.Code != "" && d.Code[0] == 'W' {
		d.Severity = Warning
	}
	*l = append(*l, d)
}

// HasErrors reports whether something stops the application.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Count returns the numbers of errors and warnings.
func (l List) Count() (errors, warnings int) {
	for i := range l {
		if l[i].Severity == Warning {
			warnings++
		} else {
			errors++
		}
	}
	return errors, warnings
}

// Summary counts in words: 2 errors, 1 warning.
func (l List) Summary() string {
	e, w := l.Count()
	return plural(e, "error") + ", " + plural(w, "warning")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// Sorted returns the list by file and place, without repetitions: of findings
// with one code at the same places the first stays.
func (l List) Sorted() List {
	r := slices.Clone(l)
	slices.SortStableFunc(r, func(a, b Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col), cmp.Compare(a.Code, b.Code))
	})
	return slices.CompactFunc(r, func(a, b Diagnostic) bool {
		return a.Code == b.Code && samePlace(a.Pos, b.Pos) && slices.EqualFunc(a.Related, b.Related, func(x, y Related) bool { return samePlace(x.Pos, y.Pos) })
	})
}

func samePlace(a, b schema.Pos) bool { return a.File == b.File && a.Line == b.Line && a.Col == b.Col }

// Suggest returns the candidate that word was probably meant to be, or "".
func Suggest(word string, candidates []string) string { return schema.Suggest(word, candidates) }

// DidYouMean is the help for an unknown word, or "".
func DidYouMean(word string, candidates []string) string {
	if s := Suggest(word, candidates); s != "" {
		return "did you mean `" + s + "`?"
	}
	return ""
}
