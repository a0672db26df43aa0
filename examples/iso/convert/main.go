// Command convert turns the JSON files of Debian's iso-codes package into the
// CSV seed files of this example:
//
//	go run ./examples/iso/convert /usr/share/iso-codes/json examples/iso/seed
//
// Nothing is lost but what the schema does not describe (flags, which are the
// two letters of a country in another alphabet).
package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// file is one JSON file and the seed file made of it.
type file struct {
	from, to string
	header   []string
	row      func(map[string]string) []string
}

var files = []file{
	{"3166-1", "country.csv", []string{"alpha_2", "alpha_3", "numeric", "name", "official_name", "common_name"}, members("alpha_2", "alpha_3", "numeric", "name", "official_name", "common_name")},
	{"3166-2", "subdivision.csv", []string{"code", "country", "parent", "name", "kind"}, subdivision},
	{"4217", "currency.csv", []string{"alpha_3", "numeric", "name"}, members("alpha_3", "numeric", "name")},
	{"639-3", "language.csv", []string{"alpha_3", "alpha_2", "name", "extent", "kind"}, language},
	{"15924", "script.csv", []string{"alpha_4", "numeric", "name"}, members("alpha_4", "numeric", "name")},
}

var (
	scopes = map[string]string{"I": "individual", "M": "macrolanguage", "S": "special"}
	kinds  = map[string]string{"A": "ancient", "C": "constructed", "E": "extinct", "H": "historical", "L": "living", "S": "special"}
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: convert JSON-FOLDER SEED-FOLDER")
		os.Exit(2)
	}
	for _, f := range files {
		if err := f.convert(os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "convert:", err)
			os.Exit(1)
		}
	}
}

func (f file) convert(from, to string) error {
	text, err := os.ReadFile(filepath.Join(from, "iso_"+f.from+".json"))
	if err != nil {
		return err
	}
	var content map[string][]map[string]string
	if err := json.Unmarshal(text, &content); err != nil {
		return fmt.Errorf("iso_%s.json: %w", f.from, err)
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{f.header}
	for _, record := range content[f.from] {
		rows = append(rows, f.row(record))
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, f.to), []byte(b.String()), 0o644)
}

func members(names ...string) func(map[string]string) []string {
	return func(record map[string]string) []string {
		row := make([]string, len(names))
		for i, name := range names {
			row[i] = record[name]
		}
		return row
	}
}

// subdivision spells the parent's code out: the JSON says ENG where it means GB-ENG.
func subdivision(r map[string]string) []string {
	country, _, _ := strings.Cut(r["code"], "-")
	parent := r["parent"]
	if parent != "" && !strings.Contains(parent, "-") {
		parent = country + "-" + parent
	}
	return []string{r["code"], country, parent, r["name"], r["type"]}
}

func language(r map[string]string) []string {
	return []string{r["alpha_3"], r["alpha_2"], r["name"], scopes[r["scope"]], kinds[r["type"]]}
}
