package load_test

import (
	"os"
	"regexp"
	"testing"
)

var slipWord = regexp.MustCompile(`[a-z_]{4,}`)

// One slip of the pen gives few messages, mostly one: names that were refused
// are not reported again where they are used.
func TestSlips(t *testing.T) {
	for _, name := range []string{"crm", "blog", "tracker", "ratings"} {
		text, err := os.ReadFile("testdata/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		slips, found, single := 0, 0, 0
		for _, at := range slipWord.FindAllIndex(text, -1) {
			middle := (at[0] + at[1]) / 2
			broken := string(text[:middle]) + "z" + string(text[middle:])
			list := loadText(broken)
			checkPlaces(t, broken, list)
			slips++
			if len(list) > 0 {
				found++
			}
			if len(list) == 1 {
				single++
			}
		}
		if single*100 < found*90 || found*100 < slips*75 {
			t.Errorf("%s: of %d slips %d are found, %d with one message", name, slips, found, single)
		}
	}
}
