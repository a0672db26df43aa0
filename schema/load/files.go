package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// Limits of what is read, so that a hostile file costs little.
const (
	maxFile  = 4 << 20 // bytes
	maxFiles = 2000
	maxNodes = 1_000_000 // of one file with its aliases unfolded
)

// MainFile is the name of an application's schema in its folder.
const MainFile = "dowel.yaml"

// Find returns the schema files an application folder starts from: dowel.yaml,
// or schema/*.yaml where there is none. A root that is a file is itself the
// answer. Included files are not listed.
func Find(fsys fs.FS, root string) ([]string, error) {
	info, err := fs.Stat(fsys, root)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{root}, nil
	}
	return schemaFiles(fsys, root)
}

// errNoSchema says that a folder is there, but no schema in it.
var errNoSchema = fmt.Errorf("neither %s nor schema/*.yaml: %w", MainFile, fs.ErrNotExist)

// schemaFiles returns the schema files of a folder.
func schemaFiles(fsys fs.FS, dir string) ([]string, error) {
	main := path.Join(dir, MainFile)
	if _, err := fs.Stat(fsys, main); err == nil {
		return []string{main}, nil
	}
	files := globs(fsys, path.Join(dir, "schema"))
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, errNoSchema)
	}
	return files, nil
}

// globs returns the YAML files right in a folder, by name.
func globs(fsys fs.FS, dir string) []string {
	all, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil
	}
	var files []string
	for _, e := range all {
		if ext := path.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
			files = append(files, path.Join(dir, e.Name()))
		}
	}
	return files
}

// reader follows includes from file to file.
type reader struct {
	*loader
	fsys  fs.FS
	files []*file
	seen  map[string]bool
	open  []string // the files being read, outermost first
	raw   map[string][]byte
}

// file is one schema file, taken apart by the keys of the top level.
type file struct {
	*source
	top *object
}

// readAll reads the application's files, included ones after those that name them, modules last.
func (l *loader) readAll(fsys fs.FS, root string, opts Options) []*file {
	r := &reader{loader: l, fsys: fsys, seen: map[string]bool{}, raw: map[string][]byte{}}
	start, err := Find(fsys, root)
	if err != nil {
		message, help := fmt.Sprintf("no schema found: %v", err), ""
		if errors.Is(err, errNoSchema) {
			message, help = "no schema found: the folder has neither "+MainFile+" nor schema/*.yaml", "run `dowel init`, or name the folder of the application"
		}
		l.report("E009", schema.Pos{File: root}, "", help, "%s", message)
		return nil
	}
	for _, name := range start {
		r.read(name, nil)
	}
	// A main file that includes nothing goes together with the schema folder beside it.
	if len(start) == 1 && path.Base(start[0]) == MainFile && len(r.files) == 1 && !r.files[0].top.get("include").given() {
		for _, name := range globs(fsys, path.Join(path.Dir(start[0]), "schema")) {
			r.read(name, nil)
		}
	}
	for _, dir := range opts.Mounted {
		names, err := r.match(dir)
		if err != nil || len(names) == 0 {
			l.report("E009", schema.Pos{File: dir}, "", "", "no schema found in the module `%s`: it has neither %s nor schema/*.yaml", dir, MainFile)
		}
		for _, name := range names {
			r.read(name, nil)
		}
	}
	for _, f := range r.files {
		l.s.AddModule(f.name)
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Modules)) {
		r.seen[name] = true
		r.take(name, opts.Modules[name])
	}
	l.revise(r.raw)
	l.version(r.files)
	return r.files
}

// read reads one file and what it includes. by is the place that names it.
func (r *reader) read(name string, by *value) {
	if slices.Contains(r.open, name) {
		r.report("E018", by.pos(), "includes itself", "remove one of the includes", "`%s` includes itself: %s", name, strings.Join(append(slices.Clone(r.open), name), " → "))
		return
	}
	if r.seen[name] {
		return
	}
	r.seen[name] = true
	if len(r.files) >= maxFiles {
		r.report("E009", schema.Pos{File: name}, "", "", "more than %d schema files", maxFiles)
		return
	}
	data, err := readFile(r.fsys, name)
	if err != nil {
		pos := schema.Pos{File: name}
		if by != nil {
			pos = by.pos()
		}
		r.report("E009", pos, "", "", "cannot read `%s`: %v", name, err)
		return
	}
	r.take(name, data)
}

// take reads the content of one file and what it includes.
func (r *reader) take(name string, data []byte) {
	r.raw[name] = data
	src := r.parse(name, data)
	if src == nil {
		return
	}
	f := &file{source: src, top: &object{}}
	r.files = append(r.files, f)
	if src.root == nil {
		return
	}
	f.top = r.object(value{src, src.root}, "file", "the schema file")
	r.open = append(r.open, name)
	r.include(f)
	r.open = r.open[:len(r.open)-1]
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	return data, nil
}

// include reads the files that `include:` names.
func (r *reader) include(f *file) {
	for _, v := range r.texts(f.top.get("include"), "`include`") {
		pattern := v.n.Value
		full := path.Join(f.dir, pattern)
		if path.IsAbs(pattern) || full == ".." || strings.HasPrefix(full, "../") {
			r.report("E017", v.pos(), "outside of the application", "", "`%s` is outside of the application's folder", pattern)
			continue
		}
		names, err := r.match(full)
		if err != nil {
			r.report("E017", v.pos(), "not a pattern", "", "`%s` is not a path or glob: %v", pattern, err)
			continue
		}
		wild := strings.ContainsAny(pattern, "*?[")
		if wild { // a pattern that also fits the file itself means the others
			names = slices.DeleteFunc(names, func(n string) bool { return n == f.name })
		}
		if len(names) == 0 {
			r.report("E017", v.pos(), "no such file", "paths are relative to "+f.name, "nothing matches `%s`", pattern)
		}
		for _, name := range names {
			r.read(name, &v)
		}
	}
}

// match returns the files a path, glob or module folder stands for.
func (r *reader) match(full string) ([]string, error) {
	found, err := fs.Glob(r.fsys, full)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range found {
		info, err := fs.Stat(r.fsys, name)
		if err != nil || !info.IsDir() {
			names = append(names, name)
			continue
		}
		files, err := schemaFiles(r.fsys, name)
		if err != nil {
			files = globs(r.fsys, name)
		}
		names = append(names, files...)
	}
	return names, nil
}

// parse reads the YAML of one file; nil when there is nothing to go on with.
func (r *reader) parse(name string, data []byte) *source {
	dir := path.Dir(name)
	if !utf8.Valid(data) {
		good := diag.SplitLines(string(data[:validPrefix(data)]))
		line, col := len(good), 1+utf8.RuneCountInString(good[len(good)-1])
		r.report("E009", schema.Pos{File: name, Line: line, Col: col, EndCol: col + 1}, "not UTF-8", "save the file as UTF-8", "`%s` is not UTF-8 text", name)
		return nil
	}
	src := newSource(name, dir, string(data))
	docs, err := decode(data)
	if err != nil {
		r.list = append(r.list, diagnose(src, err)...)
		return nil
	}
	if len(docs) > 1 {
		r.report("E009", src.span(docs[1].Line, docs[1].Column, 0), "second document", "put it into a file of its own", "a schema file holds one document, without `---` in between")
	}
	if len(docs) == 0 || len(docs[0].Content) == 0 {
		return src
	}
	root := value{src, nil}.in(docs[0].Content[0])
	if root.isNull() {
		return src
	}
	r.tags(src, root.n)
	if !r.unfolds(src, root.n) {
		return nil
	}
	src.root = root.n
	return src
}

// tags refuses the tags of other programs: `!admin` was meant as text.
func (r *reader) tags(src *source, n *yaml.Node) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		r.report("E002", src.span(n.Line, n.Column, n.Column+len([]rune(n.Tag))), "a YAML tag", "put it into quotes: '"+n.Tag+"'", "a value cannot begin with `!`")
		n.Tag = "!!str"
	}
	for _, c := range n.Content {
		r.tags(src, c)
	}
}

// decode reads the documents of a file. The parser's own slips are errors too.
func decode(data []byte) (docs []*yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(data))
	for len(docs) < 2 {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		docs = append(docs, &n)
	}
	return docs, nil
}

func validPrefix(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}

// unfolds reports whether the aliases of a file can be replaced by what they
// stand for: none contains itself, and the whole stays within bounds.
func (r *reader) unfolds(src *source, root *yaml.Node) bool {
	size := map[*yaml.Node]int{} // -1 while inside
	var count func(n *yaml.Node) int
	bad := false
	count = func(n *yaml.Node) int {
		if bad {
			return 0
		}
		if s, ok := size[n]; ok && s >= 0 {
			return s
		}
		size[n] = -1
		total := 1
		for _, c := range n.Content {
			if c.Kind != yaml.AliasNode {
				total += count(c)
			} else if size[c.Alias] == -1 {
				bad = true
				r.report("E008", src.span(c.Line, c.Column, c.Column+1+len(c.Value)), "contains itself", "write it out", "the alias `*%s` contains itself", c.Value)
			} else {
				total += count(c.Alias)
			}
			if total > maxNodes && !bad {
				bad = true
				r.report("E008", src.span(c.Line, c.Column, 0), "too much", "use `types` and `mixins` instead of aliases", "the aliases of this file unfold to more than %d values", maxNodes)
			}
		}
		size[n] = total
		return total
	}
	count(root)
	return !bad
}
