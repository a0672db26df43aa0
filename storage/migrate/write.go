package migrate

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Text says how Plan.Write writes.
type Text struct {
	SQL   bool // the statements, too
	Locks bool // locks and times, too
}

// Write writes the plan for people: a line a change, what follows from it below, and a summary. What
// stays as it is is not mentioned.
func (p *Plan) Write(w io.Writer, o Text) error {
	b := &strings.Builder{}
	wide, texts := 0, 0
	for i := range p.Steps {
		if p.Steps[i].Risk == Adoption {
			continue
		}
		wide = max(wide, utf8.RuneCountInString(p.Steps[i].Name))
		if n := utf8.RuneCountInString(p.Steps[i].Text); n <= 48 {
			texts = max(texts, n)
		}
	}
	wide = min(wide, 32)
	for i := range p.Steps {
		if p.Steps[i].Risk != Adoption {
			p.Steps[i].write(b, wide, texts, o)
		}
	}
	if !p.Empty() {
		b.WriteByte('\n')
	}
	b.WriteString(p.Summary() + "\n")
	p.adoptions(b, o)
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary counts the steps: 4 changes, 1 destructive, 1 blocked.
func (p *Plan) Summary() string {
	if p.Empty() {
		return "No changes."
	}
	s := count(int64(len(p.Steps)-p.Count(Adoption)), "change")
	for _, r := range []Risk{Slow, Destructive, Blocked} {
		if n := p.Count(r); n > 0 {
			s += fmt.Sprintf(", %d %s", n, r)
		}
	}
	return s + "."
}

// adoptions tells of the tables that apply will make its own.
func (p *Plan) adoptions(b *strings.Builder, o Text) {
	var names []string
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Risk != Adoption {
			continue
		}
		names = append(names, s.Table)
		if s.Help != "" {
			b.WriteString("note: " + s.Name + ": " + s.Help + "\n")
		}
		if o.SQL {
			s.statements(b, "  ")
		}
	}
	if names != nil {
		b.WriteString("note: made elsewhere, and taken over by the next apply: " + strings.Join(names, ", ") + "\n")
	}
}

func (s *Step) write(b *strings.Builder, wide, texts int, o Text) {
	line := fmt.Sprintf("  %s %s  %s", s.Sign, padded(s.Name, wide), padded(s.Text, texts))
	line += "  " + s.riskWord()
	if o.Locks && s.Lock != "" {
		line += "  " + s.cost()
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
	indent := strings.Repeat(" ", wide+6)
	if s.Help != "" {
		b.WriteString(indent + s.Help)
		if !s.Pos.IsZero() {
			fmt.Fprintf(b, " (%s:%d:%d)", s.Pos.File, s.Pos.Line, s.Pos.Col)
		}
		b.WriteByte('\n')
	}
	if s.List != "" {
		b.WriteString(indent + s.List + "\n")
	}
	if o.SQL {
		s.statements(b, indent)
	}
}

// statements writes the SQL of a step.
func (s *Step) statements(b *strings.Builder, indent string) {
	for i, st := range s.SQL {
		if st.Tx > 0 && (i == 0 || s.SQL[i-1].Tx != st.Tx) {
			b.WriteString(indent + "begin;\n")
		}
		b.WriteString(indent + strings.ReplaceAll(st.Text, "\n", "\n"+indent) + ";\n")
		if st.Tx > 0 && (i == len(s.SQL)-1 || s.SQL[i+1].Tx != st.Tx) {
			b.WriteString(indent + "commit;\n")
		}
	}
}

func (s *Step) riskWord() string {
	switch {
	case s.Risk.Runs():
		return string(s.Risk)
	case s.Code == "":
		return strings.ToUpper(string(s.Risk))
	}
	return strings.ToUpper(string(s.Risk)) + " [" + s.Code + "]"
}

// cost is the lock and the time of a step in words: AccessExclusiveLock 5ms of 2s.
func (s *Step) cost() string {
	held, all := rounded(s.Held), rounded(s.Estimate)
	switch {
	case s.Held > 0 && held != all:
		return s.Lock + " " + held + " of " + all
	case s.Estimate > 0:
		return s.Lock + " " + all
	}
	return s.Lock
}

// rounded is a time to one or two digits.
func rounded(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return "<10ms"
	case d < time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func padded(s string, wide int) string {
	return s + strings.Repeat(" ", max(wide-utf8.RuneCountInString(s), 0))
}
