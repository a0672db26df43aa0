package differential

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Tally counts what requests came to.
type Tally struct {
	Apps, Sequences, Requests int
	// Lists counts those that were answered, Found those of them that show a row.
	Lists, Found int
	// Open counts answers that differ in which of several broken constraints they name.
	Open int
	// Refusals counts the reasons for which writes were refused.
	Refusals map[string]int
	// Answers counts by what was asked and the status.
	Answers map[string]map[int]int
}

func (t *Tally) count(s *step, a *answer) {
	if t == nil {
		return
	}
	t.Requests++
	t.note(kindOf(s), a.status, 1)
	if kindOf(s) == "GET collection" && a.status == 200 {
		t.Lists++
		if strings.Contains(a.body, "created_at") || strings.Count(a.body, ":") > 2 && !strings.Contains(a.body, `"data":[]`) {
			t.Found++
		}
	}
	if a.status >= 400 && s.method != "GET" && s.method != "HEAD" {
		if t.Refusals == nil {
			t.Refusals = map[string]int{}
		}
		t.Refusals[reason(a.body)]++
	}
}

func (t *Tally) opened() {
	if t != nil {
		t.Open++
	}
}

func (t *Tally) note(kind string, status, n int) {
	if t.Answers == nil {
		t.Answers = map[string]map[int]int{}
	}
	if t.Answers[kind] == nil {
		t.Answers[kind] = map[int]int{}
	}
	t.Answers[kind][status] += n
}

func (t *Tally) add(o *Tally) {
	t.Apps, t.Sequences, t.Requests, t.Open = t.Apps+o.Apps, t.Sequences+o.Sequences, t.Requests+o.Requests, t.Open+o.Open
	t.Lists, t.Found = t.Lists+o.Lists, t.Found+o.Found
	for reason, n := range o.Refusals {
		if t.Refusals == nil {
			t.Refusals = map[string]int{}
		}
		t.Refusals[reason] += n
	}
	for kind, statuses := range o.Answers {
		for status, n := range statuses {
			t.note(kind, status, n)
		}
	}
}

// kindOf is what a step asks for, in a word or two.
func kindOf(s *step) string {
	path, query, _ := strings.Cut(s.target, "?")
	path, _, _ = strings.Cut(path, ";")
	segments := strings.Split(strings.TrimPrefix(path, "/api/"), "/")
	depth := ""
	switch {
	case s.method == "make":
		return "make"
	case strings.HasPrefix(s.target, compoundTarget):
		return "POST compound"
	case len(segments) == 1 && strings.Contains(query, "max_affected"):
		depth = " where"
	case len(segments) == 1 && s.method == "PATCH":
		depth = " each"
	case len(segments) == 1:
		depth = " collection"
	case len(segments) == 2:
		depth = " item"
		if slices.Contains(s.fields, "Content-Type: application/json-patch+json") {
			depth = " json-patch"
		}
	case s.method == "POST" && (segments[2] == "restore" || segments[2] == "purge"):
		depth = " " + segments[2]
	case s.method == "POST" && strings.HasPrefix(segments[2], "act"):
		depth = " action"
	default:
		depth = " member"
	}
	return s.method + depth
}

// Writes returns how many writes there were, and how many of them succeeded.
func (t *Tally) Writes() (all, good int) {
	for kind, statuses := range t.Answers {
		if kind == "make" || strings.HasPrefix(kind, "GET") || strings.HasPrefix(kind, "HEAD") || strings.HasPrefix(kind, "OPTIONS") {
			continue
		}
		for status, n := range statuses {
			all += n
			if status < 300 {
				good += n
			}
		}
	}
	return all, good
}

// String is a histogram: a line for each kind of request.
func (t *Tally) String() string {
	var b strings.Builder
	all, good := t.Writes()
	fmt.Fprintf(&b, "%d applications, %d sequences, %d requests; %d of %d writes succeeded (%d%%); %d of %d lists show rows; %d named another of several reasons\n",
		t.Apps, t.Sequences, t.Requests, good, all, 100*good/max(all, 1), t.Found, t.Lists, t.Open)
	for _, kind := range slices.Sorted(maps.Keys(t.Answers)) {
		fmt.Fprintf(&b, "%-18s", kind)
		for _, status := range slices.Sorted(maps.Keys(t.Answers[kind])) {
			fmt.Fprintf(&b, "  %d: %d", status, t.Answers[kind][status])
		}
		b.WriteByte('\n')
	}
	b.WriteString("refused writes:")
	for _, reason := range slices.SortedFunc(maps.Keys(t.Refusals), func(a, b string) int { return t.Refusals[b] - t.Refusals[a] }) {
		fmt.Fprintf(&b, "  %s: %d", reason, t.Refusals[reason])
	}
	b.WriteByte('\n')
	return b.String()
}

// reason is the code of a problem, with the codes of the things found.
func reason(body string) string {
	var codes []string
	for _, m := range problemCode.FindAllStringSubmatch(body, -1) {
		if !slices.Contains(codes, m[1]) {
			codes = append(codes, m[1])
		}
	}
	return strings.Join(codes, "/")
}

var problemCode = regexp.MustCompile(`"code": ?"([^"]*)"`)
