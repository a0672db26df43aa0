package expr_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// TestBind shows what conditions on customers mean.
func TestBind(t *testing.T) {
	w := newWorld()
	tests := []struct{ name, in, want string }{
		{"field", "name = 'Ada'", "name = 'Ada'"},
		{"constant on the left", "5 < age", "age > 5"},
		{"operand beyond the limits of the field", "age >= 0 and name = 'longer than ten'", "age >= 0 and name = 'longer than ten'"},
		{"flag", "vip and not vip", "vip = true and not (vip = true)"},
		{"enum", "level > 'low'", "level > 'low'"},
		{"decimal", "credit = 1.5", "credit = 1.50"},
		{"decimal as text", "credit = '1.5'", "credit = 1.50"},
		{"bigint", "big = 9223372036854775807", "big = 9223372036854775807"},
		{"float", "score = 1e3", "score = 1000"},
		{"date", "born < '2000-01-01'", "born < '2000-01-01'"},
		{"datetime in UTC", "created_at < '2000-01-01T01:00:00+01:00'", "created_at < '2000-01-01T00:00:00Z'"},
		{"duration", "wait > 90m", "wait > 'PT1H30M'"},
		{"duration as text", "wait > 'PT90M'", "wait > 'PT1H30M'"},
		{"uuid", "ref = '01890A5D-AC96-774B-BCCE-B302099A8057'", "ref = '01890a5d-ac96-774b-bcce-b302099a8057'"},
		{"now", "created_at > now - 7d and born < now", "created_at > now - 1w and born < now"},
		{"two fields", "name = subject", "name = subject"},
		{"whole numbers of two types", "age < big", "age < big"},
		{"reference by name", "owner = 7", "owner = 7"},
		{"reference as on the wire", "owner_id = 7", "owner = 7"},
		{"reference to me", "owner = me", "owner = me"},
		{"reference in a set", "owner in (7, me)", "owner in (7, me)"},
		{"reference to the same organization", "org = me.org", "org = me.org"},
		{"reference to the same organization as its owner", "org = owner.org", "org = owner.org"},
		{"over a reference", "owner.email = 'a@b.de'", "owner.email = 'a@b.de'"},
		{"over two references", "owner.org.name = 'x'", "owner.org.name = 'x'"},
		{"over a unique inverse", "owner.profile.bio like 'x*'", "owner.profile.bio like 'x*'"},
		{"to many", "orders.total > 5", "orders has (total > 5.00)"},
		{"to many and on", "orders.customer.name = 'x'", "orders has (customer.name = 'x')"},
		{"to one, to many", "org.customers.orders.status = 'draft'", "org has (customers has (orders has (status = 'draft')))"},
		{"none of many", "not orders.total > 5", "not (orders has (total > 5.00))"},
		{"one row with both", "orders has (total > 5 and status = 'draft')", "orders has (total > 5.00 and status = 'draft')"},
		{"a condition on a reference", "owner has (age > 5)", "owner has (age > 5)"},
		{"nested rows", "org has (customers has (vip))", "org has (customers has (vip = true))"},
		{"set by name", "tags has 'new'", "tags has (name = 'new')"},
		{"set by name, as a path", "tags = 'new'", "tags has (name = 'new')"},
		{"set by name, pattern", "tags like 'n*'", "tags has (name like 'n*')"},
		{"set by name, several", "tags in ('a', 'b')", "tags has (name in ('a', 'b'))"},
		{"set of me", "members has me", "members has (id = me)"},
		{"set by key", "members has 7", "members has (id = 7)"},
		{"set and on", "members.email = 'a@b.de'", "members has (email = 'a@b.de')"},
		{"relation has a key", "orders has 5", "orders has (id = 5)"},
		{"no rows", "orders is null", "not (orders has (true))"},
		{"some rows", "tags is not null", "tags has (true)"},
		{"no related row", "owner.profile is null", "not (owner has (profile has (true)))"},
		{"no reference", "owner is null", "owner is null"},
		{"list", "labels has 'x'", "labels has 'x'"},
		{"member", "address.city = 'Bonn'", "address.city = 'Bonn'"},
		{"member as on the wire", "address.zipCode = '53111'", "address.zipCode = '53111'"},
		{"member as declared", "address.zip = '53111'", "address.zipCode = '53111'"},
		{"member decimal", "address.rent > 5", "address.rent > 5.00"},
		{"object is null", "address is null", "address is null"},
		{"json is null", "data is not null", "not (data is null)"},
		{"computed", "orders_count > 3", "orders_count > 3"},
		{"claim", "name = me.team", "name = me.team"},
		{"subject alone", "me.level >= 'high' and me.team = 'red' and me is not null", "me.level >= 'high' and me.team = 'red' and not (me is null)"},
		{"subject in a set", "me.level in ('low', 'high')", "me.level in ('low', 'high')"},
		{"claim as a number", "me.floor > 3", "me.floor > 3"},
		{"keyword as a field", ".like = 'x'", ".like = 'x'"},
		{"text id", "subject = me", "subject = me"},
		{"flattened", "vip and (age = 1 and (age = 2 or false)) and true", "vip = true and age = 1 and age = 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := w.bind(t, tt.in)
			if got := expr.String(e); got != tt.want {
				t.Fatalf("got  %s\nwant %s", got, tt.want)
			}
			if got := expr.String(w.bind(t, expr.String(e))); got != tt.want {
				t.Errorf("reads back as %s", got)
			}
		})
	}
}

// TestBindErrors marks the place of each error with ‹ and ›.
func TestBindErrors(t *testing.T) {
	w := newWorld()
	tests := []struct {
		name, in string
		want     []string // message|hint
	}{
		{"unknown field", "‹nmae› = 'x'", []string{"`customer` has no field `nmae`|did you mean `name`?"}},
		{"every error at once", "‹x1› = 1 and age = ‹'two'› or ‹x2›", []string{
			"has no field `x1`", "`age` (int): expected a whole number", "has no field `x2`"}},
		{"unknown over a relation", "owner.‹emial› = 'x'", []string{"`user` has no field `emial`|`email`"}},
		{"unknown member", "address.‹cty› = 'x'", []string{"`address` has no member `cty`|`city`"}},
		{"member of a scalar", "name.‹first› = 'x'", []string{"`name` is of type string and has no member `first`"}},
		{"over the wire name of a reference", "owner_id.‹email› = 'x'", []string{"no member `email`|write `owner.email`"}},
		{"unquoted enum", "level = ‹high›", []string{"has no field `high`|text goes in single quotes: 'high'"}},
		{"unquoted text in a set", "level in (‹low›, ‹high›)", []string{"|'low'", "|'high'"}},
		{"enum value", "level = ‹'hgih'›", []string{"must be one of low, high, extreme|did you mean `high`?"}},
		{"number for text", "name = ‹5›", []string{"is of type string, and 5 is a number|'5'"}},
		{"bool for text", "name = ‹true›", []string{"is of type string, not true or false"}},
		{"null", "name = ‹null›", []string{"nothing is equal to null|`name is null`"}},
		{"length of time for a date", "born < ‹7d›", []string{"not a length of time|now - 1w"}},
		{"now for text", "name = ‹now›", []string{"`now` is a point in time"}},
		{"time without an offset", "created_at < ‹'2026-01-01'›", []string{"|2026-01-01T00:00:00Z"}},
		{"decimal too fine", "credit = ‹1.234›", []string{"at most 2 digits after the point"}},
		{"flag that is none", "‹name› and vip", []string{"`name` is of type string and no condition by itself"}},
		{"secret", "owner.‹password› = 'x'", []string{"`password` is a password: nobody may filter or sort by it"}},
		{"secret of me", "name = me.‹password›", []string{"nobody may ask about it"}},
		{"reference with another class", "‹owner = org›", []string{"`owner` (a reference to `user`) cannot be compared with `org` (a reference to `org`)"}},
		{"reference with a number", "‹owner = age›", []string{"`owner` (a reference to `user`) cannot be compared with `age` (int)"}},
		{"reference to another class with me", "org = ‹me›", []string{"`org` (a reference to `org`) cannot be compared with `me`, which is a `user`"}},
		{"reference with a field of me", "owner = ‹me.age›", []string{"cannot be compared with `me.age` (int)"}},
		{"key of another class with me", "id = ‹me›", []string{"`id` (int) cannot be compared with `me`"}},
		{"rows of another class have me", "tags has ‹me›", []string{"cannot be compared with `me`"}},
		{"decimal with me", "credit = ‹me›", []string{"cannot be compared with `me`"}},
		{"number types", "‹age = credit›", []string{"`age` (int) cannot be compared with `credit` (decimal)"}},
		{"order of two enums with text", "‹level < name›", []string{"cannot be compared"}},
		{"pattern of a number", "‹age› like '1*'", []string{"`age` (int) is not text and has no patterns"}},
		{"list compared", "‹labels› = 'x'", []string{"`labels` is a list|labels has"}},
		{"object compared", "‹address› = 'x'", []string{"values of type object cannot be compared|address.city"}},
		{"json compared", "‹data› = 'x'", []string{"values of type json cannot be compared"}},
		{"has of a scalar", "‹name› has 'x'", []string{"`name` (string) is no list"}},
		{"rows of a scalar", "‹name› has (age = 1)", []string{"`name` (string) is no relation"}},
		{"relation compared", "‹orders› = 5", []string{"`orders` is a relation to `order`, not a field of it|orders.id"}},
		{"many with many", "‹orders.total > org.customers.credit›", []string{"several rows"}},
		{"errors inside of rows", "orders has (‹x› = 1 and total = ‹'y'›)", []string{"`order` has no field `x`", "expected a number"}},
		{"constants only", "‹1 = 1›", []string{"compares constants"}},
		{"constant in a set", "‹1› in (1)", []string{"compares constants"}},
		{"constant is null", "‹5› is null", []string{"only fields and `me` can be null"}},
		{"field in a set", "age in (‹big›)", []string{"a constant is needed here, not a field"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src, spans := marked(tt.in)
			n, bad := expr.Parse(src)
			if bad != nil {
				t.Fatal(bad)
			}
			_, errs := expr.Bind(n, w.scope(w.customer))
			if len(errs) != len(tt.want) {
				t.Fatalf("%d errors, want %d: %v", len(errs), len(tt.want), errs)
			}
			for i, err := range errs {
				message, hint, _ := strings.Cut(tt.want[i], "|")
				if !strings.Contains(err.Message, message) || !strings.Contains(err.Hint, hint) {
					t.Errorf("got %q, hint %q", err.Message, err.Hint)
				}
				if err.Offset != spans[i][0] || err.End != spans[i][1] {
					t.Errorf("%s: at %d to %d, want %v", err.Message, err.Offset, err.End, spans[i])
				}
				if err.Unfit == (err.Code == expr.CodeUnknown) {
					t.Errorf("code %s and Unfit %v", err.Code, err.Unfit)
				}
			}
		})
	}
}

// marked removes the marks of places and returns those.
func marked(in string) (src string, spans [][2]int) {
	var b strings.Builder
	for _, r := range in {
		switch r {
		case '‹':
			spans = append(spans, [2]int{b.Len()})
		case '›':
			spans[len(spans)-1][1] = b.Len()
		default:
			b.WriteRune(r)
		}
	}
	return b.String(), spans
}

func TestModes(t *testing.T) {
	w := newWorld()
	tests := []struct {
		name string
		mode expr.Mode
		in   string
		want string // part of the message, "" is right
	}{
		{"check of fields", expr.Check, "age < big and address.city != 'x'", ""},
		{"check with me", expr.Check, "owner = me", "cannot mention `me`"},
		{"check with now", expr.Check, "created_at < now", "cannot mention `now`"},
		{"check over a reference", expr.Check, "owner.age > 5", "leads to another"},
		{"check of a reference's row", expr.Check, "owner has (age > 5)", "leads to another"},
		{"check of many", expr.Check, "orders.total > 5", "leads to another"},
		{"check of a set", expr.Check, "tags has 'x'", "leads to another"},
		{"check of a computed field", expr.Check, "orders_count > 5", "is computed"},
		{"computed with me", expr.Computed, "owner = me", "cannot mention `me`"},
		{"computed with now", expr.Computed, "created_at < now", "cannot mention `now`"},
		{"computed over a reference", expr.Computed, "owner.age > 5", ""},
		{"rule on a write-only field", expr.Rule, "pin = 'x'", ""},
		{"client on a write-only field", expr.Client, "pin = 'x'", "has no field `pin`"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := w.scope(w.customer)
			s.Mode = tt.mode
			n, bad := expr.Parse(tt.in)
			if bad != nil {
				t.Fatal(bad)
			}
			_, errs := expr.Bind(n, s)
			switch {
			case tt.want == "" && len(errs) > 0:
				t.Error(errs[0].Message)
			case tt.want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Message, tt.want)):
				t.Errorf("got %v", errs)
			}
		})
	}
}

// TestHiddenFields: what a client may not see does not exist, not even as a suggestion.
func TestHiddenFields(t *testing.T) {
	w := newWorld()
	s := w.scope(w.customer)
	s.May = func(f *schema.Field) bool { return f.Name != "credit" && f.Name != "owner" }
	for _, src := range []string{"credit = 5", "credti = 5", "owner = 7", "owner.email = 'x'", "owner has (age = 5)"} {
		n, bad := expr.Parse(src)
		if bad != nil {
			t.Fatal(bad)
		}
		_, errs := expr.Bind(n, s)
		if len(errs) != 1 || errs[0].Code != expr.CodeUnknown || errs[0].Hint != "" {
			t.Errorf("%s: %+v", src, errs)
		}
	}
}

func TestBindPath(t *testing.T) {
	w := newWorld()
	tests := []struct {
		path, want string // of `path = null` in spirit: is null
		typ        string
		toMany     bool
	}{
		{"name", "name is null", "string", false},
		{"owner_id", "owner is null", "int", false},
		{"owner.email", "owner.email is null", "email", false},
		{"orders.total", "orders has (total is null)", "decimal", true},
		{"owner.owned.orders.customer.name", "owner has (owned has (orders has (customer.name is null)))", "string", true},
		{"address.zipCode", "address.zipCode is null", "string", false},
		{"tags", "tags has (name is null)", "slug", true},
		{"members", "members has (id is null)", "int", true},
		{"labels", "labels is null", "list", false},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			b, err := expr.BindPath(w.scope(w.customer), tt.path)
			if err != nil {
				t.Fatal(err)
			}
			e := expr.Through(b, func(o schema.Operand) schema.Expr { return schema.IsNull{X: o} })
			if got := expr.String(e); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if b.Type.Name() != tt.typ || b.ToMany() != tt.toMany {
				t.Errorf("type %s, to many %v", b.Type.Name(), b.ToMany())
			}
			if p, ok := b.Operand(); ok == tt.toMany || ok && p.Type != b.Type {
				t.Errorf("operand %v %v", p, ok)
			}
		})
	}
	for path, unfit := range map[string]bool{"x": false, "": false, "owner.": false, "owner.x": false, "orders": true, "owner.password": true, "name.x": false} {
		_, err := expr.BindPath(w.scope(w.customer), path)
		var e *expr.BindError
		if !errors.As(err, &e) || e.Unfit != unfit {
			t.Errorf("%q: %v", path, err)
		}
	}
}
