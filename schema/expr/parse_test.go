package expr_test

import (
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema/expr"
)

func TestParse(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"comparison", "status='active'", "status = 'active'"},
		{"every operator", "a=1 and a!=1 and a<1 and a<=1 and a>1 and a>=1", "a = 1 and a != 1 and a < 1 and a <= 1 and a > 1 and a >= 1"},
		{"and binds closer than or", "a or b and c", "a or b and c"},
		{"parentheses that matter", "(a or b) and c", "(a or b) and c"},
		{"parentheses that do not", "((a) and (b = 1))", "a and b = 1"},
		{"not binds closest", "not a = 1 and b", "not a = 1 and b"},
		{"not of a group", "not (a and b)", "not (a and b)"},
		{"not not", "not not a", "not not a"},
		{"quotes in text", "a = 'it''s'", "a = 'it''s'"},
		{"empty text", "a = ''", "a = ''"},
		{"in", "a in ('x','y', 3)", "a in ('x', 'y', 3)"},
		{"not in", "a not in ('x')", "not a in ('x')"},
		{"not like", "a not like 'x*'", "not a like 'x*'"},
		{"not has", "a not has 'x'", "not a has 'x'"},
		{"is null", "a.b is null", "a.b is null"},
		{"is not null", "a is not null", "not a is null"},
		{"has me", "members has me", "members has me"},
		{"has a row", "orders has (total > 5 and paid)", "orders has (total > 5 and paid)"},
		{"me and its fields", "a = me and b = me.org", "a = me and b = me.org"},
		{"now", "a < now", "a < now"},
		{"now minus", "a < now-7d", "a < now - 1w"},
		{"now plus", "a < now + 90m", "a < now + 90m"},
		{"length of time", "a > 36h", "a > 36h"},
		{"length of time in several units", "a < now - 1h30m", "a < now - 90m"},
		{"numbers", "a = -5 and b = 0.5 and c = 1e-3", "a = -5 and b = 0.5 and c = 1e-3"},
		{"keyword as a name", ".like = 1 and a.in = 2", ".like = 1 and a.in = 2"},
		{"constant left", "'x' = a", "'x' = a"},
		{"white space", " \t\na\r\n", "a"},
		{"constants", "true or false", "true or false"},
		{"upper-case names", "isVip and _x1", "isVip and _x1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := expr.Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := n.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			again, err := expr.Parse(n.String())
			if err != nil || again.String() != n.String() {
				t.Errorf("%s reads back as %v, %v", n, again, err)
			}
		})
	}
}

// TestSyntaxErrors marks the place of the error with ‹ and ›.
func TestSyntaxErrors(t *testing.T) {
	tests := []struct{ in, message, hint string }{
		{"‹›", "expected a condition, found the end", ""},
		{"a =‹›", "expected a value, found the end", ""},
		{"a ‹b›", "expected `and`, `or` or the end, found `b`", ""},
		{"a = 1 ‹AND› b", "found `AND`", "write `and` in lower case"},
		{"a = 1 ‹adn› b", "found `adn`", "did you mean `and`?"},
		{"a =‹=› 1", "expected a value, found `=`", "equal is a single `=`"},
		{"a <‹>› 1", "expected a value, found `>`", "unequal is written `!=`"},
		{"a = ‹\"›x\"", "no meaning here", "single quotes"},
		{"a ‹&›& b", "no meaning here", "write `and`"},
		{"a ‹|›| b", "no meaning here", "write `or`"},
		{"‹!›a", "no meaning here", "write `not`"},
		{"a = ‹'x›", "no closing quote", "written twice"},
		{"a in ‹'x'›", "expected `(`", ""},
		{"a in (‹)›", "expected a value", ""},
		{"a in ('x' ‹'y'›)", "expected `,` or `)`", ""},
		{"(a‹›", "expected `and`, `or` or `)`, found the end", ""},
		{"a‹)›", "found `)`", ""},
		{"a like ‹5›", "expected a pattern in single quotes", ""},
		{"a is ‹5›", "expected `null` after `is`", ""},
		{"a not ‹=› 5", "expected `in`, `like` or `has` after `not`", ""},
		{"‹5›", "", ""},
		{"a.‹=› 5", "expected a name after `.`", ""},
		{"a < now - ‹7›", "expected a length of time", ""},
		{"a < now - ‹7x›", "cannot begin with a digit", "30s"},
		{"a < now - ‹99999999999w›", "longer than a hundred years", ""},
		{"a < now - ‹1h30›", "cannot begin with a digit", "30s"},
		{"a = ‹2024-01-31›", "a date without quotes", "single quotes: '2024-01-31'"},
		{"a > ‹2024-01-31T10:00:00.5+01:00› and b", "a date without quotes", "'2024-01-31T10:00:00.5+01:00'"},
		{"a ‹contains› 'x'", "found `contains`", "like '*text*'"},
		{"a ‹between› 1 and 2", "found `between`", "`>=` and `<=`"},
		{"a = ‹\"›it is\"", "no meaning here", "single quotes: 'it is'"},
		{"a = ‹1e›", "no exponent", ""},
		{"a = ‹12ab›", "cannot begin with a digit", ""},
		{"a = ‹é›", "no meaning here", ""},
		{"a = ‹'\xff'›", "not valid UTF-8", ""},
		{"me", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			start := strings.Index(tt.in, "‹")
			src := strings.NewReplacer("‹", "", "›", "").Replace(tt.in)
			_, err := expr.Parse(src)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Message, tt.message) || !strings.Contains(err.Hint, tt.hint) {
				t.Errorf("got %q, hint %q", err.Message, err.Hint)
			}
			if start < 0 || tt.message == "" {
				return
			}
			if end := strings.Index(tt.in, "›") - len("‹"); err.Offset != start || err.End != end {
				t.Errorf("at %d to %d, want %d to %d", err.Offset, err.End, start, end)
			}
		})
	}
}

func TestSize(t *testing.T) {
	tests := []struct {
		in                              string
		terms, depth, elements, pattern int
	}{
		{"a", 1, 0, 0, 0},
		{"a = b", 1, 0, 0, 0},
		{"a = 1 and b in (1, 2, 3) or c like 'äb*'", 3, 0, 3, 3},
		{"((a))", 1, 2, 0, 0},
		{"not (a and not b)", 2, 3, 0, 0},
		{"orders has (a and b)", 3, 1, 0, 0},
	}
	for _, tt := range tests {
		n, err := expr.Parse(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		terms, depth := n.Size()
		elements, pattern := n.Elements()
		if terms != tt.terms || depth != tt.depth || elements != tt.elements || pattern != tt.pattern {
			t.Errorf("%s: %d terms, %d deep, %d elements, %d characters", tt.in, terms, depth, elements, pattern)
		}
	}
}

func TestParseLimits(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("(", n) + "a" + strings.Repeat(")", n) }
	if _, err := expr.Parse(deep(64)); err != nil {
		t.Error(err)
	}
	for _, src := range []string{deep(65), strings.Repeat("(", 60_000), strings.Repeat("not ", 15_000) + "a", strings.Repeat("a", 65<<10)} {
		if _, err := expr.Parse(src); err == nil {
			t.Error("took an expression beyond the limits")
		}
	}
}
