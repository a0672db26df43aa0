package migrate

import (
	"context"
	"strconv"
	"strings"
)

// inspect reads the tables of the current schema from the catalog.
func (d postgres) inspect(ctx context.Context, c Asker) (*Database, error) {
	r := reader{ctx: ctx, ask: c, db: &Database{Dialect: d}}
	const here = "n.nspname = current_schema()"
	r.each("select 1 where to_regclass('_dowel_state') is not null", func([]string) { r.db.ready = true })
	r.each(`select c.relname, c.reltuples::bigint, pg_table_size(c.oid), c.relispartition, coalesce(obj_description(c.oid, 'pg_class'), '') from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where `+here+` and c.relkind in ('r', 'p') order by c.oid`, func(cols []string) {
		if isSystem(cols[0]) {
			return
		}
		if cols[3] == "t" {
			r.other("partition", cols[0], "", "")
			return
		}
		t := r.table(cols[0])
		t.Rows, t.Bytes, t.doc = integer(cols[1]), integer(cols[2]), cols[4]
	})
	r.each(`select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(case when a.attcollation <> t.typcollation then l.collname end, ''),
			a.attnotnull, a.attidentity, coalesce(pg_get_expr(f.adbin, f.adrelid), ''), a.attgenerated, coalesce(col_description(c.oid, a.attnum), ''),
			case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) else '' end,
			case when t.typtype = 'e' then array_to_string(array(select enumlabel from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder), chr(31)) else '' end
		from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
			left join pg_collation l on l.oid = a.attcollation left join pg_attrdef f on f.adrelid = c.oid and f.adnum = a.attnum
		where `+here+` and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped order by c.oid, a.attnum`, func(cols []string) {
		t := r.tables[cols[0]]
		if t == nil {
			return
		}
		col := &Column{Name: cols[1], stored: cols[1], Type: cols[2], NotNull: cols[4] == "t", Identity: cols[5] != "", Default: cols[6]}
		col.doc, col.base, col.generated = cols[8], cols[9], cols[7] != ""
		if cols[10] != "" {
			col.labels = strings.Split(cols[10], unit)
		}
		if cols[3] != "" {
			col.Type += ` collate "` + cols[3] + `"`
		}
		if col.Default == "nextval('_dowel_version'::regclass)" {
			col.Kind = versionKind
		}
		t.Columns = append(t.Columns, col)
	})
	r.constraints(here)
	r.pgIndexes(here)
	r.pgOthers(here)
	for _, t := range r.db.Tables {
		for _, col := range t.Columns {
			if col.Kind == "" {
				col.Kind = kindOfType(col.Type)
			}
		}
	}
	r.ledger("select name, col, kind, says from _dowel_columns", "")
	if r.db.ready {
		r.each("select name, count(*) from _dowel_counters group by name", func(cols []string) {
			if t := r.tables[cols[0]]; t != nil {
				t.Shards = int(integer(cols[1]))
			}
		})
	}
	return r.db, r.failed("postgres")
}

func integer(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // what the database counts is a number
	return n
}

// kindOfType is the kind word of a type that no other kind shares, else "int" for numbers.
func kindOfType(t string) string {
	switch t {
	case "boolean":
		return "bool"
	case "bigint":
		return "int"
	case "double precision":
		return "float"
	case textType:
		return "text"
	case "json", "date", "uuid":
		return t
	case "time without time zone":
		return "time"
	case "timestamp with time zone":
		return "datetime"
	}
	if digits, ok := strings.CutPrefix(t, "numeric(19,"); ok {
		return "decimal(" + digits
	}
	return ""
}

// unit separates names that come as one text.
const unit = "\x1f"

func (r *reader) constraints(here string) {
	names := func(key, table string) string {
		return `array_to_string(array(select a.attname from unnest(` + key + `) with ordinality u(n, i) join pg_attribute a on a.attrelid = ` + table + ` and a.attnum = u.n order by u.i), chr(31))`
	}
	r.each(`select k.conname, c.relname, k.contype, `+names("k.conkey", "k.conrelid")+`, coalesce(case when o.relnamespace = c.relnamespace then o.relname end, ''), `+names("k.confkey", "k.confrelid")+`, k.convalidated, pg_get_constraintdef(k.oid), k.confdeltype
		from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace left join pg_class o on o.oid = k.confrelid
		where `+here+` and c.relkind in ('r', 'p') order by k.oid`, func(cols []string) {
		t := r.tables[cols[1]]
		if t == nil {
			return
		}
		columns := strings.Split(cols[3], unit)
		switch col := t.Column(columns[0]); {
		case cols[2] == "p":
			t.Key, t.KeyName = columns, cols[0]
		case cols[2] == "f" && len(columns) == 1 && col != nil && col.Refers == nil && cols[4] != "":
			col.Refers = &Reference{Name: cols[0], Table: cols[4], Column: cols[5], Unproved: cols[6] != "t", onDelete: deletions[cols[8]]}
		case cols[2] == "c" && strings.HasPrefix(cols[0], helperPrefix):
			t.helpers = append(t.helpers, "constraint "+cols[0])
		case cols[2] == "f" && len(columns) > 1:
			t.wide = append(t.wide, "("+strings.Join(columns, ", ")+") refers to "+cols[4])
			r.other("constraint", cols[0], cols[1], cols[7])
		case cols[2] == "c" || cols[2] == "f" || cols[2] == "x":
			r.other("constraint", cols[0], cols[1], cols[7])
		}
	})
}

// deletions are the words for pg_constraint.confdeltype.
var deletions = map[string]string{"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}

// helperPrefix begins the names of what steps make for a while.
const helperPrefix = "_dowel_"

func (r *reader) pgIndexes(here string) {
	byName := map[string]*Index{}
	r.each(`select t.relname, x.relname, i.indisunique, i.indisvalid, coalesce(pg_get_expr(i.indpred, i.indrelid, true), ''), replace(pg_get_indexdef(i.indexrelid), ' ON ' || quote_ident(n.nspname) || '.', ' ON '), m.amname,
			exists (select 1 from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('u', 'x'))
		from pg_index i join pg_class t on t.oid = i.indrelid join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = t.relnamespace join pg_am m on m.oid = x.relam
		where `+here+` and t.relkind in ('r', 'p') and not i.indisprimary order by i.indexrelid`, func(cols []string) {
		t := r.tables[cols[0]]
		if t == nil {
			return
		}
		x := &Index{Name: cols[1], Unique: cols[2] == "t", Broken: cols[3] != "t", SQL: cols[5], Live: nullColumn(cols[4])}
		x.odd = cols[6] != "btree" || cols[4] != "" && x.Live == ""
		x.constraint = cols[7] == "t"
		byName[x.Name] = x
		t.Indexes = append(t.Indexes, x)
	})
	r.each(`select x.relname, coalesce(a.attname, ''), case when k.n = 0 then pg_get_indexdef(i.indexrelid, k.i::int, true) else '' end, i.indoption[k.i - 1], k.i > i.indnkeyatts
		from pg_index i join pg_class t on t.oid = i.indrelid join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = t.relnamespace
			cross join unnest(i.indkey::int[]) with ordinality k(n, i) left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.n and k.n > 0
		where `+here+` and t.relkind in ('r', 'p') and not i.indisprimary order by i.indexrelid, k.i`, func(cols []string) {
		x := byName[cols[0]]
		if x == nil {
			return
		}
		c := IndexColumn{Name: cols[1]}
		if inner, ok := strings.CutPrefix(cols[2], "lower("); ok {
			inner = strings.TrimSuffix(inner, ")")
			if bare, cast := strings.CutSuffix(inner, "::text"); cast { // lower((email)::text) of a column that is no text
				inner = strings.TrimSuffix(strings.TrimPrefix(bare, "("), ")")
			}
			c = IndexColumn{Name: unquoted(inner), Fold: true}
		}
		x.odd = x.odd || c.Name == "" || cols[3] != "0" || cols[4] == "t"
		x.Columns = append(x.Columns, c)
	})
	for _, x := range byName {
		x.settle()
	}
}

// unquoted reads a name as PostgreSQL prints it, "" when it is something else.
func unquoted(s string) string {
	if inner, ok := strings.CutPrefix(s, `"`); ok {
		return strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	if strings.ContainsAny(s, `"()'+-*/|<>=, :`) {
		return ""
	}
	return s
}

// pgOthers reads what is never made here, or only for the length of a step.
func (r *reader) pgOthers(here string) {
	r.each(`select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'sequence' end, c.relname, '' from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where `+here+` and (c.relkind in ('v', 'm', 'f') or c.relkind = 'S' and not exists (select 1 from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')))
			and not exists (select 1 from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e')
		union all select 'trigger', g.tgname, c.relname from pg_trigger g join pg_class c on c.oid = g.tgrelid join pg_namespace n on n.oid = c.relnamespace where `+here+` and not g.tgisinternal
		union all select 'function', p.proname, '' from pg_proc p join pg_namespace n on n.oid = p.pronamespace where `+here+`
			and not exists (select 1 from pg_depend d where d.objid = p.oid and d.classid = 'pg_proc'::regclass and d.deptype = 'e')
		order by 1, 2`, func(cols []string) {
		if !isSystem(cols[1]) && !strings.HasPrefix(cols[1], helperPrefix) {
			r.other(cols[0], cols[1], cols[2], "")
			return
		}
		if t := r.tables[cols[2]]; t != nil && cols[0] == "trigger" {
			t.helpers = append(t.helpers, "trigger "+cols[1])
		}
	})
}
