package cli

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
)

const seedFolder = "seed"

// seedRow is one row of a seed file.
type seedRow struct {
	class *schema.Class
	file  string // as people name it: seed/orders.csv
	row   int    // in its file and class, from 1
	value load.Node
}

// where names the row in messages.
func (s *seedRow) where() string {
	return fmt.Sprintf("%s:%d: %s row %d", s.file, s.value.Pos.Line, s.class.Name, s.row)
}

// rowError is one thing wrong with one row.
type rowError struct {
	where  string
	detail string
}

func (e *rowError) Error() string { return e.where + ": " + e.detail }

// readSeed reads every seed file of an application and its modules, in the order of
// their names. Every file with a mistake is reported, not only the first.
func readSeed(files fs.FS, s *schema.Schema) ([]*seedRow, error) {
	var rows []*seedRow
	var wrong []error
	for _, module := range s.Modules {
		folder := path.Join(module, seedFolder)
		entries, err := fs.ReadDir(files, folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, unavailable(err)
		}
		for _, e := range entries {
			if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			name := path.Join(folder, e.Name())
			content, err := fs.ReadFile(files, name)
			if err != nil {
				return nil, unavailable(err)
			}
			more, err := parseSeed(s, name, content)
			rows = append(rows, more...)
			if err != nil {
				wrong = append(wrong, err)
			}
		}
	}
	return rows, errors.Join(wrong...)
}

func parseSeed(s *schema.Schema, file string, content []byte) ([]*seedRow, error) {
	switch filepath.Ext(file) {
	case ".yaml", ".yml":
		root, list := load.Document(file, content)
		if list.HasErrors() {
			var wrong []error
			for i := range list {
				wrong = append(wrong, &list[i])
			}
			return nil, errors.Join(wrong...)
		}
		return yamlRows(s, file, root)
	case ".csv":
		class, err := fileClass(s, file)
		if err != nil {
			return nil, err
		}
		return csvRows(class, file, content)
	case ".jsonl", ".ndjson":
		class, err := fileClass(s, file)
		if err != nil {
			return nil, err
		}
		return jsonRows(class, file, content)
	}
	return nil, fmt.Errorf("%s: a seed file is .yaml, .csv or .jsonl", file)
}

// yamlRows reads a file of class → list of rows.
func yamlRows(s *schema.Schema, file string, root *load.Node) ([]*seedRow, error) {
	if root.Kind == load.Null {
		return nil, nil
	}
	if root.Kind != load.Map {
		return nil, fmt.Errorf("%s:%d: a seed file is a map of class → list of rows, not %s", file, root.Pos.Line, root.Kind)
	}
	var rows []*seedRow
	var wrong []error
	for i := range root.Members {
		m := &root.Members[i]
		class := classOf(s, m.Name)
		switch {
		case class == nil:
			wrong = append(wrong, fmt.Errorf("%s:%d:%d: unknown class `%s`%s", file, m.Pos.Line, m.Pos.Col, m.Name, didYouMean(m.Name, classNames(s))))
			continue
		case m.Value.Kind == load.Null:
			continue
		case m.Value.Kind != load.List:
			at := m.Value.Pos
			wrong = append(wrong, fmt.Errorf("%s:%d:%d: the rows of %s are a list, not %s", file, at.Line, at.Col, class.Name, m.Value.Kind))
			continue
		}
		for n, item := range m.Value.Items {
			row := &seedRow{class: class, file: file, row: n + 1, value: item}
			if item.Kind != load.Map {
				wrong = append(wrong, &rowError{row.where(), "a row is a map, not " + item.Kind.String()})
				continue
			}
			rows = append(rows, row)
		}
	}
	return rows, errors.Join(wrong...)
}

// csvRows reads a table whose header names members; a dotted name
// (customer.email) is a member of a map. Empty cells are absent.
func csvRows(class *schema.Class, file string, content []byte) ([]*seedRow, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\ufeff"))))
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var rows []*seedRow
	for n := 1; ; n++ {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, fmt.Errorf("%s: %w", file, err)
		}
		line, _ := r.FieldPos(0)
		value := load.Node{Kind: load.Map, Pos: schema.Pos{File: file, Line: line, Col: 1}}
		for i, cell := range cells {
			if cell == "" {
				continue
			}
			line, col := r.FieldPos(i)
			put(&value, strings.Split(header[i], "."), cellNode(class, header[i], cell, schema.Pos{File: file, Line: line, Col: col}))
		}
		rows = append(rows, &seedRow{class: class, file: file, row: n, value: value})
	}
}

// cellNode reads one cell. Lists and sets are separated by semicolons, or
// written as JSON like every other value that is no scalar.
func cellNode(class *schema.Class, name, cell string, at schema.Pos) load.Node {
	scalar := load.Node{Kind: load.Scalar, Text: cell, Quoted: true, Pos: at}
	f := class.Field(name)
	if f == nil || f.Ref != nil || f.Many == nil && f.Type.Kind() != schema.JSON {
		return scalar
	}
	if cell[0] == '[' || cell[0] == '{' {
		if n, err := jsonNode(jsontext.NewDecoder(strings.NewReader(cell)), at); err == nil {
			return n
		}
	}
	if f.Many == nil && !f.Type.Traits().List {
		scalar.Quoted = false
		return scalar
	}
	list := load.Node{Kind: load.List, Pos: at}
	for _, part := range strings.Split(cell, ";") {
		list.Items = append(list.Items, load.Node{Kind: load.Scalar, Text: strings.TrimSpace(part), Quoted: true, Pos: at})
	}
	return list
}

// put sets a member along a path of maps.
func put(n *load.Node, path []string, value load.Node) {
	if len(path) > 1 {
		if inner := n.Member(path[0]); inner != nil {
			put(inner, path[1:], value)
			return
		}
		inner := load.Node{Kind: load.Map, Pos: value.Pos}
		put(&inner, path[1:], value)
		value = inner
	}
	n.Members = append(n.Members, load.Member{Name: path[0], Pos: value.Pos, Value: value})
}

// jsonRows reads one object a line.
func jsonRows(class *schema.Class, file string, content []byte) ([]*seedRow, error) {
	var rows []*seedRow
	for i, line := range bytes.Split(content, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		value, err := jsonNode(jsontext.NewDecoder(bytes.NewReader(line)), schema.Pos{File: file, Line: i + 1, Col: 1})
		if err == nil && value.Kind != load.Map {
			err = errors.New("a row is an object")
		}
		if err != nil {
			return rows, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
		rows = append(rows, &seedRow{class: class, file: file, row: len(rows) + 1, value: value})
	}
	return rows, nil
}

func jsonNode(d *jsontext.Decoder, at schema.Pos) (load.Node, error) {
	t, err := d.ReadToken()
	if err != nil {
		return load.Node{}, err
	}
	n := load.Node{Pos: at}
	switch t.Kind() {
	case jsontext.KindNull:
	case jsontext.KindString:
		n.Kind, n.Text, n.Quoted = load.Scalar, t.String(), true
	case jsontext.KindBeginArray:
		n.Kind = load.List
		for d.PeekKind() != jsontext.KindEndArray {
			item, err := jsonNode(d, at)
			if err != nil {
				return n, err
			}
			n.Items = append(n.Items, item)
		}
		_, err = d.ReadToken()
	case jsontext.KindBeginObject:
		n.Kind = load.Map
		for d.PeekKind() != jsontext.KindEndObject {
			name, err := d.ReadToken()
			if err != nil {
				return n, err
			}
			m := load.Member{Name: name.String(), Pos: at}
			if m.Value, err = jsonNode(d, at); err != nil {
				return n, err
			}
			n.Members = append(n.Members, m)
		}
		_, err = d.ReadToken()
	default:
		n.Kind, n.Text = load.Scalar, t.String()
	}
	return n, err
}

var ordinal = regexp.MustCompile(`^[0-9]+[-_.]`)

// fileClass is the class a file is named after: customer.csv, customers.csv, 20-orders.csv.
func fileClass(s *schema.Schema, file string) (*schema.Class, error) {
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	name = ordinal.ReplaceAllString(name, "")
	if c := classOf(s, name); c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%s: no class is called `%s`%s", file, name, didYouMean(name, classNames(s)))
}

// classOf finds a class by its name, its collection or its plural.
func classOf(s *schema.Schema, name string) *schema.Class {
	if c := s.Class(name); c != nil && !c.Internal {
		return c
	}
	if c := s.Collection(name); c != nil {
		return c
	}
	for _, c := range s.Classes {
		if c.Plural == name && !c.Internal {
			return c
		}
	}
	return nil
}

func classNames(s *schema.Schema) []string {
	var names []string
	for _, c := range s.Classes {
		if !c.Internal {
			names = append(names, c.Name)
		}
	}
	return names
}

// didYouMean is the end of a sentence about an unknown word.
func didYouMean(word string, candidates []string) string {
	if s := schema.Suggest(word, candidates); s != "" {
		return "; did you mean `" + s + "`?"
	}
	return ""
}
