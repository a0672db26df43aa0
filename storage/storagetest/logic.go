package storagetest

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

func logic() chapter {
	finds := func(text string, cond Cond, want string) promise {
		return promise{text, func(f *fixture) {
			f.t.Helper()
			f.want(f.read("customer", "id", where(cond)), strings.Fields(want)...)
			// The complement is exact: together they are all rows.
			var rest []string
			for _, id := range []string{"1", "2", "3", "5"} {
				if !strings.Contains(" "+want+" ", " "+id+" ") {
					rest = append(rest, id)
				}
			}
			f.want(f.read("customer", "id", where(Not(cond))), rest...)
			f.want(f.read("customer", "id", where(Not(Not(cond)))), strings.Fields(want)...)
		}}
	}
	text := schema.NewText
	return stocked("conditions",
		finds("true holds everywhere", All, "1 2 3 5"),
		finds("false holds nowhere", None, ""),
		finds("an empty and holds", And(), "1 2 3 5"),
		finds("an empty or does not hold", Or(), ""),
		finds("and needs every member", And(Is("vip", "=", true), Is("score", ">", 0)), "1"),
		finds("or needs one member", Or(Is("name", "=", "Ann"), Is("name", "=", "Cid")), "1 3"),
		finds("and and or nest", And(Or(Is("vip", "=", true), Null("vip")), Not(Is("name", "=", "Ann"))), "3 5"),

		finds("text equals exactly", Is("name", "=", "bob"), "2"),
		finds("text equality heeds case", Is("name", "=", "Bob"), ""),
		finds("an e-mail equals with its case", Is("email", "=", "ANN@x.io"), ""),
		finds("text differs", Is("name", "!=", "bob"), "1 3 5"),
		finds("text compares by code point", Is("name", "<", "a"), "1 3"),
		finds("text compares above", Is("name", ">=", "bob"), "2 5"),
		finds("ints equal", Is("score", "=", 3), "1"),
		finds("ints compare below", Is("score", "<", 1), "5"),
		finds("ints compare at most", Is("score", "<=", 1), "2 5"),
		finds("ints compare above", Is("score", ">", 1), "1"),
		finds("ints compare at least", Is("score", ">=", 1), "1 2"),
		finds("null does not differ from anything", Is("score", "!=", 3), "2 5"),
		finds("bools equal", Is("vip", "=", false), "2"),
		finds("bools differ, null does not", Is("vip", "!=", true), "2"),
		finds("floats compare", Is("rating", "<", 2.0), "1 5"),
		finds("decimals equal", Is("credit", "=", "10.50"), "1"),
		finds("decimals compare with negatives", Is("credit", "<", "0.00"), "5"),
		finds("a decimal compares with an int by value", literal("credit", "=", schema.NewInt(2)), "2"),
		finds("a decimal compares with another scale by value", literal("credit", ">", schema.NewDecimal(10499, 3)), "1"),
		finds("an int compares with a decimal by value", literal("score", "<", schema.NewDecimal(15, 1)), "2 5"),
		finds("a float compares with a decimal by value", literal("rating", "=", schema.NewDecimal(25, 1)), "2"),
		finds("dates compare", Is("born", "<", "1990-01-01"), "2"),
		finds("datetimes compare", Is("seen", ">=", "2026-01-01T00:00:00Z"), "1"),
		finds("datetimes compare over offsets", Is("seen", "=", "2026-01-01T02:00:00+02:00"), "1"),
		finds("datetimes compare with fractions", Is("seen", ">", "2025-12-31T23:59:59Z"), "1 2"),
		finds("an enum equals", Is("status", "=", "active"), "1 5"),
		finds("an enum compares as declared", Is("status", ">", "lead"), "1 3 5"),
		finds("an enum compares as declared at the end", Is("status", ">=", "gone"), "3"),
		finds("two fields compare", Fields("score", ">", "rating"), "1"),
		finds("two fields compare with null on a side", Fields("score", "<=", "rating"), "2 5"),
		finds("a field does not differ from itself", Fields("score", "!=", "score"), ""),
		finds("null does not equal itself", Fields("score", "=", "score"), "1 2 5"),
		finds("comparing with a null constant is false", Is("score", "=", nil), ""),
		finds("differing from a null constant is false", Is("score", "!=", nil), ""),
		finds("a constant compares on the left", func(c *schema.Class) schema.Expr {
			return schema.Compare{Op: schema.Lt, Left: schema.Lit{Value: schema.NewInt(1)}, Right: Path(c, "score")}
		}, "1"),
		finds("two constants compare", func(*schema.Class) schema.Expr {
			one := schema.Lit{Value: schema.NewInt(1)}
			return schema.Compare{Op: schema.Eq, Left: one, Right: one}
		}, "1 2 3 5"),

		finds("is null", Null("score"), "3"),
		finds("is null of a reference", Null("org"), "3 5"),
		finds("in one of the values", In("name", "Ann", "Cid", "nobody"), "1 3"),
		finds("in of nothing is false", In("name"), ""),
		finds("in skips null", In("score", 3, nil), "1"),
		finds("null is in nothing", In("score", nil), ""),
		finds("in compares numbers by value", func(c *schema.Class) schema.Expr {
			return schema.In{X: Path(c, "credit"), List: []schema.Operand{schema.Lit{Value: schema.NewInt(2)}}}
		}, "2"),
		finds("in takes fields too", func(c *schema.Class) schema.Expr {
			return schema.In{X: Path(c, "score"), List: []schema.Operand{Path(c, "id"), schema.Lit{Value: schema.NewInt(1)}}}
		}, "2"),

		finds("like without wildcard is the whole text", Like("name", "bob"), "2"),
		finds("like is anchored at both ends", Like("name", "o"), ""),
		finds("like ignores ASCII case", Like("name", "ANN"), "1"),
		finds("like ignores ASCII case of the text", Like("name", "cID"), "3"),
		finds("like heeds the case of other letters", Like("name", "é*"), ""),
		finds("like finds other letters as they are", Like("name", "É*"), "5"),
		finds("a star is any run", Like("name", "*i*"), "3 5"),
		finds("a star may be empty", Like("name", "b*o*b*"), "2"),
		finds("a star alone is any text", Like("email", "*"), "1 3 5"),
		finds("null is like nothing", Not(Like("email", "*")), "2"),
		finds("an empty pattern is the empty text", Like("name", ""), ""),
		finds("a percent sign is itself", Like("name", "%"), ""),
		finds("an underscore is itself", Like("name", "_nn"), ""),
		finds("a question mark is itself", Like("name", "?nn"), ""),
		finds("a bracket is itself", Like("name", "[A]nn"), ""),

		finds("a list has its elements", Has("langs", text("de")), "1"),
		finds("a list has whole elements only", Has("langs", text("d")), ""),
		finds("an empty list has nothing", Has("langs", text("")), ""),
		finds("a set has its names", Has("tags", text("blue")), "1 2"),
		finds("a set has no other names", Has("tags", text("green")), ""),
		finds("a set has its ids", Has("friends", schema.NewInt(1)), "5"),
		finds("a member of an object equals", Is("address.zip", "=", "01234"), "1"),
		finds("a member that is null is null", Null("address.zip"), "2 3 5"),
		finds("a member is like", Like("address.street", "*1"), "1"),
		promise{"like takes escaped characters as they are", func(f *fixture) {
			for _, name := range []string{`a*b`, `axb`, `a\b`, "a%b", "a_b", "a\nb"} {
				f.do(f.insert("tag", "name", name))
			}
			is := func(pattern string, want ...string) {
				f.t.Helper()
				f.want(f.read("tag", "name", where(And(Like("name", pattern), Like("name", "a*b")))), want...)
			}
			is(`a\*b`, `a*b`)
			is(`a\\b`, `a\b`)
			is(`a\xb`, `axb`)
			is(`a%b`, `a%b`)
			is(`a_b`, `a_b`)
			is("a*b", `a*b`, `axb`, `a\b`, "a%b", "a_b", "a\nb")
			is("a\n*", "a\nb")
		}},
		promise{"text that looks like SQL is text", func(f *fixture) {
			for _, name := range []string{`'; drop table customers; --`, `"`, "`", "1 or 1=1", "?1", ":a", "$1", "NULL"} {
				f.do(f.insert("tag", "name", name))
				f.want(f.read("tag", "name", where(Is("name", "=", name))), name)
			}
		}},
	)
}

// literal compares a path with a constant of another kind.
func literal(path, op string, v schema.Value) Cond { return Is(path, op, v) }
