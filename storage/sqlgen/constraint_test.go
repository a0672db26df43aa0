package sqlgen_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/storage/sqlgen"
)

func TestConstraintName(t *testing.T) {
	long := strings.Repeat("x", 70)
	if got := sqlgen.ConstraintName("ux", "orders", "number", "customer_id"); got != "ux_orders_number_customer_id" {
		t.Errorf("got %s", got)
	}
	a, b := sqlgen.ConstraintName("fk", long, "a"), sqlgen.ConstraintName("fk", long, "b")
	if a == b || len(a) != 63 || len(b) != 63 {
		t.Errorf("%s and %s", a, b)
	}
	for n := range 8 {
		name := sqlgen.ConstraintName("ix", strings.Repeat("y", n)+strings.Repeat("日", 40))
		if len(name) > 63 || !utf8.ValidString(name) {
			t.Errorf("%q has %d bytes", name, len(name))
		}
	}
	if exact := sqlgen.ConstraintName("pk", strings.Repeat("z", 60)); exact != "pk_"+strings.Repeat("z", 60) {
		t.Errorf("cut without need: %s", exact)
	}
}
