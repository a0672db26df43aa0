package migrate

import (
	"regexp"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// The codes of findings about migration files.
const (
	codeEdited = "E087" // a file is not what was noted
	codeBroken = "E088" // a file that cannot be run
	codeLoses  = "W081" // a statement that loses values
	codeBlocks = "W082" // a statement that holds up who works with the table
	codeBreaks = "W083" // a statement that nodes of the former schema do not survive
)

// Lint looks at migration files without running them. A line `-- allow: W081` before a statement accepts what it does.
func Lint(files []File) (found diag.List) {
	for i := range files {
		f := &files[i]
		whole := schema.Pos{File: f.Name, Line: 1, Col: 1}
		switch f.Listed {
		case f.Sum:
		case "":
			found.Add(diag.Diagnostic{Code: codeEdited, Pos: whole, Message: f.Name + " is not in " + Checksums, Help: "`dowel migrate lint --accept` notes the files as they are"})
		default:
			found.Add(diag.Diagnostic{Code: codeEdited, Pos: whole, Message: f.Name + " was changed since it was noted in " + Checksums, Help: "take the change back, or, where it was never applied, `dowel migrate lint --accept`"})
		}
		l := linter{file: f, made: map[string]bool{}, proved: map[string]bool{}, postgres: f.For() != SQLite.Name(), sqlite: f.For() == SQLite.Name()}
		d := PostgreSQL
		if l.sqlite {
			d = SQLite
		}
		if _, err := groupsOf(f, d); err != nil {
			at := whole
			if e, ok := err.(*FileError); ok {
				at.Line, err = e.Line, e.Err
			}
			found.Add(diag.Diagnostic{Code: codeBroken, Pos: at, Message: err.Error()})
		}
		for _, st := range splitSQL(f.Text) {
			l.statement(st)
		}
		found = append(found, l.found...)
	}
	return found
}

// linter looks at one file.
type linter struct {
	file     *File
	postgres bool
	sqlite   bool
	made     map[string]bool // tables made in the file: nobody has them yet
	proved   map[string]bool // tables with a constraint that was validated in the file
	found    diag.List
}

// rule finds one kind of statement by how it begins, the table being the first group.
type rule struct {
	begins  *regexp.Regexp
	holds   func(sql string) bool // nil is always
	code    string
	message string // %s is the table
	help    string
}

const tableName = `(?:if exists |if not exists |only )*([^\s(;,]+)`

func begins(pattern string) *regexp.Regexp { return regexp.MustCompile("^" + pattern) }

// has finds words in a statement that is normal.
func has(pattern string) func(string) bool { return regexp.MustCompile(pattern).MatchString }

func without(pattern string, others ...func(string) bool) func(string) bool {
	absent := regexp.MustCompile(pattern)
	return func(sql string) bool {
		for _, o := range others {
			if !o(sql) {
				return false
			}
		}
		return !absent.MatchString(sql)
	}
}

// losing are statements after which values are gone, breaking those that the former schema does not survive.
var losing = []rule{
	{begins("drop table " + tableName), nil, codeLoses, "drops the table %s with its rows", ""},
	{begins("truncate (?:table )?" + tableName), nil, codeLoses, "empties the table %s", ""},
	{begins("delete from " + tableName), without(` where `), codeLoses, "deletes every row of %s", "say which with `where`"},
	{begins("alter table " + tableName), has(`\bdrop (?:column )?(?:if exists )?[^\s,]+`), codeLoses, "drops a column of %s with its values", ""},
	{begins("drop (?:schema|database) " + tableName), nil, codeLoses, "drops %s with everything in it", ""},
	{begins("alter table " + tableName), has(` rename `), codeBreaks, "renames %s or a part of it: nodes that serve the former schema fail", ""},
}

// blocking are statements of PostgreSQL that hold up who works with a table.
var blocking = []rule{
	{begins("create (?:unique )?index (?:if not exists )?(?:[^ (]+ )?on " + tableName), nil, codeBlocks, "builds an index while nobody can write to %s", "write `create index concurrently`, outside of a transaction"},
	{begins("drop index " + tableName), nil, codeBlocks, "drops the index %s while nobody can use its table", "write `drop index concurrently`, outside of a transaction"},
	{begins("alter table " + tableName), has(`\balter (?:column )?[^\s,]+ (?:set data )?type\b`), codeBlocks, "may write every row of %s anew while nobody can read it", "add a column of the new type, fill it, and change over"},
	{begins("alter table " + tableName), without(`\bnot valid\b`, has(`\badd (?:constraint [^\s]+ )?(?:foreign key|check)\b`)), codeBlocks, "looks at every row of %s while nobody can write to it", "add it `not valid`, and `validate constraint` in a transaction of its own"},
	{begins("alter table " + tableName), without(`\busing index\b`, has(`\badd (?:constraint [^\s]+ )?(?:unique|primary key|exclude)\b`)), codeBlocks, "builds an index while nobody can use %s", "build the index `concurrently` and add the constraint `using index`"},
	{begins("alter table " + tableName), has(`\bset not null\b`), codeBlocks, "looks at every row of %s while nobody can use it", "add a check `is not null` `not valid`, validate it, then set it"},
	{begins("alter table " + tableName), has(`\badd (?:column )?.*(?:\bdefault (?:nextval|random|gen_random_uuid|uuid_generate|clock_timestamp)|\b(?:big|small)?serial\b|\bgenerated always as \()`), codeBlocks, "writes every row of %s anew while nobody can read it", "add the column without it, and fill it in parts"},
	{begins("(?:vacuum full|cluster|lock table|lock) " + tableName), nil, codeBlocks, "keeps everybody from %s", ""},
	{begins("reindex (?:table|index) " + tableName), without(`\bconcurrently\b`), codeBlocks, "keeps everybody from %s", "write `reindex … concurrently`"},
	{begins("refresh materialized view " + tableName), without(`\bconcurrently\b`), codeBlocks, "keeps everybody from %s", "write `refresh materialized view concurrently`"},
	{begins("update " + tableName), without(` where `), codeBlocks, "writes every row of %s in one transaction", "write them in parts, such as `where id between 1 and 10000`"},
}

var (
	makes     = begins("create (?:temp |temporary |unlogged )?table " + tableName)
	validates = begins("alter table " + tableName + " validate constraint ")
	proves    = has(`^alter table .*\bdrop constraint "?_dowel_|^alter table .*set not null`)
	copies    = begins(`alter table _dowel_copy rename to (\S+)`)
)

// statement looks at one statement.
func (l *linter) statement(st sqlStatement) {
	sql := normalSQL(st.text)
	if m := makes.FindStringSubmatch(sql); m != nil {
		l.made[bareName(m[1])] = true
	}
	if m := validates.FindStringSubmatch(sql); m != nil {
		l.proved[bareName(m[1])] = true
	}
	rules := losing
	if l.postgres {
		rules = append(rules[:len(rules):len(rules)], blocking...)
	}
	for _, r := range rules {
		m := r.begins.FindStringSubmatch(sql)
		if m == nil || r.holds != nil && !r.holds(sql) || strings.Contains(" "+st.allow+" ", " "+r.code+" ") || l.exempt(r, bareName(m[1]), sql) {
			continue
		}
		pos := schema.Pos{File: l.file.Name, Line: st.line, Col: 1}
		help := r.help
		if r.code != codeBlocks {
			help = strings.TrimPrefix(help+"; ", "; ") + "if that is meant, write `-- allow: " + r.code + "` above it"
		}
		l.found.Add(diag.Diagnostic{Code: r.code, Pos: pos, Message: strings.Replace(r.message, "%s", bareName(m[1]), 1), Help: help})
		return
	}
}

// exempt lets pass what only looks alike: work on tables that the file has made, on those that Dowel keeps for
// itself or copies, and what was proved before.
func (l *linter) exempt(r rule, table, sql string) bool {
	switch {
	case l.made[table] || strings.HasPrefix(table, "_dowel_"):
		return true
	case r.code == codeLoses && strings.HasPrefix(sql, "drop table "):
		for _, st := range splitSQL(l.file.Text) {
			if m := copies.FindStringSubmatch(strings.ReplaceAll(normalSQL(st.text), `"`, "")); m != nil && bareName(m[1]) == table {
				return true
			}
		}
	case r.code == codeLoses && strings.HasPrefix(sql, "alter table "):
		return onlyParts.MatchString(sql)
	case r.code == codeBlocks && strings.Contains(sql, "set not null"):
		return l.proved[table] && proves(sql)
	case r.code == codeBlocks && strings.HasPrefix(sql, "drop index "):
		return strings.HasPrefix(table, "concurrently")
	case r.code == codeBlocks && strings.HasPrefix(sql, "create "):
		return strings.Contains(sql, " index concurrently ")
	}
	return false
}

// onlyParts are drops of an alter table that lose no values.
var onlyParts = regexp.MustCompile(`^alter table \S+ (?:[^,]*,)*?[^,]*\bdrop (?:constraint|default|not null|identity|expression)\b`)

func bareName(name string) string { return strings.Trim(name, `"`) }
