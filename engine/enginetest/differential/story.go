package differential

import (
	"fmt"
	"strings"
)

// story writes steps as a conversation that enginetest.RunFiles holds: the answers are
// those of the reference, and what differs stands below them as a comment.
func story(l *loaded, steps []step, answers []*answer, seed Seed, difference string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Seed %s.\n", seed)
	used := strings.Builder{}
	for _, s := range steps {
		used.WriteString(strings.Join(s.fields, " ") + s.content + " ")
	}
	speaker := nobody
	for i, s := range steps {
		if s.method == "make" {
			fmt.Fprintf(&b, "make %s %s\n", s.target, s.content)
			continue
		}
		if s.who != speaker {
			speaker = s.who
			b.WriteString("\n" + spoken(speaker) + "\n")
		}
		fmt.Fprintf(&b, "\n> %s %s\n", s.method, s.target)
		for _, f := range s.fields {
			b.WriteString("> " + f + "\n")
		}
		if s.content != "" {
			b.WriteString(s.content + "\n")
		}
		fmt.Fprintf(&b, "< %d\n", answers[i].status)
		if name := fmt.Sprintf("tag%d", s.n); strings.Contains(used.String(), "$"+name) && answers[i].header.Get("Etag") != "" {
			fmt.Fprintf(&b, "< ETag: \"<%s>\"\n", name)
		}
	}
	for line := range strings.Lines(difference) {
		b.WriteString("# " + line)
	}
	fmt.Fprintf(&b, "\n-- dowel.yaml --\n%s", l.text)
	return b.String()
}

func spoken(s subject) string {
	if s == nobody {
		return "as nobody"
	}
	words := []string{"as"}
	if subjects[s].role != "" {
		words = append(words, subjects[s].role)
	}
	return strings.Join(append(words, "id="+subjects[s].id), " ")
}
