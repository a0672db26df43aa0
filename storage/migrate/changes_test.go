package migrate_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/storage/migrate"
)

var update = flag.Bool("update", false, "rewrite golden files")

// books is a schema that most cases change, with rows.
const (
	books = `  book: {fields: {title: string, pages: int optional, price: decimal optional, author: author optional inverse=books}}
  author: {fields: {name: string}}
`
	bookRows = `author id=1 name=Agatha
author id=2 name=Agatha
book id=1 title=A pages=100 price=12.50 author=1
book id=2 title=B
`
)

// changes are one of every kind. The golden files have the plans and what becomes of the rows.
var changes = []struct{ name, before, rows, after string }{
	{"nothing", books, bookRows, books},
	{"class more", books, bookRows, books + "  shop: {fields: {name: string unique, chief: author, books: many book}}\n"},
	{"class less", books, bookRows, "  author: {fields: {name: string}}\n"},
	{"class less that others referred to", books, bookRows, "  book: {fields: {title: string, pages: int optional, price: decimal optional}}\n"},
	{"class renamed", "  book: {fields: {title: string unique, number: int auto=sequence, genres: many genre, sequel: book optional}}\n  genre: {fields: {name: string}}\n",
		"book id=1 title=A number=1\nbook id=2 title=B number=2 sequel=1\ngenre id=1 name=crime\nbooks_genres book_id=1 genre_id=1\n",
		"  volume: {was: book, fields: {title: string unique, number: int auto=sequence, genres: many genre, sequel: volume optional}}\n  genre: {fields: {name: string}}\n"},
	{"classes renamed in a chain", "  a: {fields: {name: string}}\n  b: {fields: {name: string}}\n", "a id=1 name=was-a\nb id=1 name=was-b\n",
		"  b: {was: a, fields: {name: string}}\n  c: {was: b, fields: {name: string}}\n"},
	{"field optional", books, bookRows, strings.Replace(books, "title: string", "title: string, isbn: string optional max=20", 1)},
	{"field optional unique", books, bookRows, strings.Replace(books, "title: string", "title: string, isbn: string optional unique", 1)},
	{"field required with default", books, bookRows, strings.Replace(books, "title: string", "title: string, lang: {type: string, default: it's}", 1)},
	{"field required with backfill", books, bookRows, strings.Replace(books, "title: string", "title: string, lang: string backfill=en, kind: {enum: [a, b], backfill: b}", 1)},
	{"field optional with backfill", books, bookRows, strings.Replace(books, "title: string", "title: string, lang: string optional backfill=en", 1)},
	{"field required without anything", books, bookRows, strings.Replace(books, "title: string", "title: string, lang: string", 1)},
	{"field required now", books, bookRows, strings.Replace(books, "title: string", "title: string, seen: datetime default=now", 1)},
	{"field required uuid", books, bookRows, strings.Replace(books, "title: string", "title: string, code: uuid auto=uuid", 1)},
	{"field required sequence", "  book: {fields: {title: string, shelf: int}}\n", "book id=1 title=A shelf=1\nbook id=2 title=B shelf=2\nbook id=3 title=C shelf=1\n",
		"  book: {fields: {title: string, shelf: int, place: int auto=sequence per=shelf}}\n"},
	{"field required unique with default", books, bookRows, strings.Replace(books, "title: string", "title: string, lang: string default=en unique", 1)},
	{"reference", books, bookRows, strings.Replace(books, "title: string", "title: string, editor: author optional inverse=edited", 1)},
	{"reference required with backfill", books, bookRows, strings.Replace(books, "title: string", "title: string, editor: author backfill=2 inverse=edited", 1)},
	{"reference required with wrong backfill", books, bookRows, strings.Replace(books, "title: string", "title: string, editor: author backfill=7 inverse=edited", 1)},
	{"field less", books, bookRows, strings.Replace(books, "title: string, ", "", 1)},
	{"reference less", books, bookRows, strings.Replace(books, ", author: author optional inverse=books", "", 1)},
	{"field renamed", books, bookRows, strings.Replace(books, "title: string", "name: string was=title", 1)},
	{"field perhaps renamed", books, bookRows, strings.Replace(books, "title: string", "name: string default=x", 1)},
	{"reference renamed", books, bookRows, strings.Replace(books, "author: author optional", "writer: author optional was=author", 1)},
	{"unique field renamed", "  book: {fields: {title: string unique, no: int auto=sequence}}\n", "book id=1 title=A no=1\n", "  book: {fields: {name: string unique was=title, place: int auto=sequence was=no}}\n"},
	{"becomes optional", books, bookRows, strings.Replace(books, "title: string", "title: string optional", 1)},
	{"becomes required with rows without", books, bookRows, strings.Replace(books, "pages: int optional", "pages: int", 1)},
	{"becomes required", books, "author id=1 name=Agatha\nbook id=1 title=A pages=1\n", strings.Replace(books, "pages: int optional", "pages: int", 1)},
	{"becomes required with default", books, bookRows, strings.Replace(books, "pages: int optional", "pages: int default=7", 1)},
	{"int to decimal", books, bookRows, strings.Replace(books, "pages: int", "pages: decimal scale=1", 1)},
	{"int to float", books, bookRows, strings.Replace(books, "pages: int", "pages: float", 1)},
	{"int to string", books, bookRows, strings.Replace(books, "pages: int", "pages: string", 1)},
	{"bool to bigint with a check", "  a: {fields: {on: bool optional}}\n", "a id=1 on=true\na id=2 on=false\na id=3\n",
		"  a: {checks: {small: \"on is null or on != 9007199254740992\"}, fields: {on: bigint optional}}\n"},
	{"int to bool", books, bookRows, strings.Replace(books, "pages: int", "pages: bool", 1)},
	{"int to duration", books, bookRows, strings.Replace(books, "pages: int", "pages: duration", 1)},
	{"int to bigint", books, bookRows, strings.Replace(books, "pages: int", "pages: bigint", 1)},
	{"string to int", "  book: {fields: {title: string}}\n", "book id=1 title=12\nbook id=2 title=-5\n", "  book: {fields: {title: int}}\n"},
	{"unique becomes required with default", "  book: {fields: {code: string optional unique}}\n", "book id=1\nbook id=2\nbook id=3 code=x\n", "  book: {fields: {code: string default=y unique}}\n"},
	{"string to int with zeros before", "  book: {fields: {title: string}}\n", "book id=1 title=12\nbook id=2 title=007\n", "  book: {fields: {title: int}}\n"},
	{"string to int that is none", "  book: {fields: {title: string}}\n", "book id=1 title=12\nbook id=2 title=x\n", "  book: {fields: {title: int}}\n"},
	{"string to date", "  book: {fields: {title: string}}\n", "book id=1 title=2026-01-02\n", "  book: {fields: {title: date}}\n"},
	{"string to email", "  book: {fields: {title: string}}\n", "book id=1 title=a@x.io\nbook id=2 title=nobody\n", "  book: {fields: {title: email}}\n"},
	{"string to decimal", "  book: {fields: {title: string}}\n", "book id=1 title=12.5\nbook id=2 title=-0.07\n", "  book: {fields: {title: decimal}}\n"},
	{"decimal to string", books, bookRows, strings.Replace(books, "price: decimal", "price: string", 1)},
	{"date to datetime", "  book: {fields: {day: date}}\n", "book id=1 day=2026-01-02\n", "  book: {fields: {day: datetime}}\n"},
	{"datetime to date", "  book: {fields: {day: datetime}}\n", "book id=1 day=2026-01-02T00:00:00Z\n", "  book: {fields: {day: date}}\n"},
	{"datetime to date that loses the time", "  book: {fields: {day: datetime}}\n", "book id=1 day=2026-01-02T10:00:00Z\n", "  book: {fields: {day: date}}\n"},
	{"scale raised", books, bookRows, strings.Replace(books, "price: decimal", "price: decimal scale=4", 1)},
	{"scale lowered", books, bookRows, strings.Replace(books, "price: decimal", "price: decimal scale=1", 1)},
	{"scale lowered too far", books, bookRows, strings.Replace(books, "price: decimal", "price: decimal scale=0", 1)},
	{"max raised", "  book: {fields: {title: string max=200}}\n", "book id=1 title=A\n", "  book: {fields: {title: string max=255}}\n"},
	{"max lowered", "  book: {fields: {title: string max=200, n: int}}\n", "book id=1 title=A n=1\n", "  book: {fields: {title: string max=1, n: int max=1}}\n"},
	{"max lowered too far", "  book: {fields: {title: string max=200, n: decimal, d: date}}\n", "book id=1 title=Anna n=1.5 d=2026-02-01\n", "  book: {fields: {title: string max=1, n: decimal max=1.49, d: date max=2026-01-31}}\n"},
	{"pattern", "  book: {fields: {title: string}}\n", "book id=1 title=A\nbook id=2 title=B\n", "  book: {fields: {title: \"string pattern=[AC]\"}}\n"},
	{"enum value less", "  book: {fields: {state: {enum: [draft, done, lost]}}}\n", "book id=1 state=draft\nbook id=2 state=lost\n", "  book: {fields: {state: {enum: [draft, done]}}}\n"},
	{"enum value less that no row has", "  book: {fields: {state: {enum: [draft, done, lost]}}}\n", "book id=1 state=draft\n", "  book: {fields: {state: {enum: [draft, lost]}}}\n"},
	{"enum value more", "  book: {fields: {state: {enum: [draft, done]}}}\n", "book id=1 state=draft\n", "  book: {fields: {state: {enum: [draft, review, done]}}}\n"},
	{"string to enum", "  book: {fields: {state: string}}\n", "book id=1 state=draft\n", "  book: {fields: {state: {enum: [draft, done]}}}\n"},
	{"nested member less", "  book: {fields: {at: {fields: {street: string, zip: string optional}}}}\n", `book id=1 at={"street":"x","zip":"1"}` + "\n", "  book: {fields: {at: {fields: {street: string}}}}\n"},
	{"nested member more", "  book: {fields: {at: {fields: {street: string}}}}\n", `book id=1 at={"street":"x"}` + "\n", "  book: {fields: {at: {fields: {street: string, zip: string optional}}}}\n"},
	{"nested member required", "  book: {fields: {at: {fields: {street: string optional}}}}\n", `book id=1 at={"street":"x"}` + "\nbook id=2 at={}\n", "  book: {fields: {at: {fields: {street: string}}}}\n"},
	{"list of fewer", "  book: {fields: {tags: list string}}\n", `book id=1 tags=["a","b"]` + "\n", "  book: {fields: {tags: {list: string, max: 1}}}\n"},
	{"list of something else", "  book: {fields: {tags: list string}}\n", `book id=1 tags=["a","b"]` + "\n", "  book: {fields: {tags: list int}}\n"},
	{"unique", books, "author id=1 name=A\nauthor id=2 name=B\n", strings.Replace(books, "name: string", "name: string unique", 1)},
	{"unique with rows alike", books, bookRows, strings.Replace(books, "name: string", "name: string unique", 1)},
	{"unique together", "  book: {fields: {a: int, b: int}}\n", "book id=1 a=1 b=1\nbook id=2 a=1 b=2\n", "  book: {fields: {a: int, b: int}, unique: [[a, b]]}\n"},
	{"unique mail", "  book: {fields: {mail: email}}\n", "book id=1 mail=a@x.io\nbook id=2 mail=A@x.io\n", "  book: {fields: {mail: email unique}}\n"},
	{"no longer unique", "  book: {fields: {title: string unique}}\n", "book id=1 title=A\n", "  book: {fields: {title: string}}\n"},
	{"indexed", books, bookRows, strings.Replace(books, "title: string", "title: string index", 1)},
	{"number to reference", "  book: {fields: {author: int column=author_id}}\n  author: {fields: {name: string}}\n", "author id=1 name=A\nbook id=1 author=1\n",
		"  book: {fields: {author: author}}\n  author: {fields: {name: string}}\n"},
	{"number to reference to nothing", "  book: {fields: {author: int column=author_id}}\n  author: {fields: {name: string}}\n", "author id=1 name=A\nbook id=1 author=5\n",
		"  book: {fields: {author: author}}\n  author: {fields: {name: string}}\n"},
	{"reference to another class", "  book: {fields: {by: author}}\n  author: {fields: {name: string}}\n  person: {fields: {name: string}}\n", "author id=1 name=A\nperson id=1 name=P\nbook id=1 by=1\n",
		"  book: {fields: {by: person}}\n  author: {fields: {name: string}}\n  person: {fields: {name: string}}\n"},
	{"reference to number", "  book: {fields: {author: author}}\n  author: {fields: {name: string}}\n", "author id=1 name=A\nbook id=1 author=1\n",
		"  book: {fields: {author: int column=author_id}}\n  author: {fields: {name: string}}\n"},
	{"check", "  book: {fields: {a: int, b: int}}\n", "book id=1 a=1 b=2\n", "  book: {fields: {a: int, b: int}, checks: {order: a < b}}\n"},
	{"check that rows break", "  book: {fields: {a: int, b: int}}\n", "book id=1 a=2 b=2\nbook id=2 a=1 b=2\n", "  book: {fields: {a: int, c: int was=b}, checks: {order: a < c}}\n"},
	{"check no more", "  book: {fields: {a: int, b: int}, checks: {order: a < b}}\n", "book id=1 a=1 b=2\n", "  book: {fields: {a: int, b: int}}\n"},
	{"soft delete", "  book: {fields: {title: string unique}}\n", "book id=1 title=A\n", "  book: {soft_delete: true, fields: {title: string unique}}\n"},
	{"soft delete no more", "  book: {soft_delete: true, fields: {title: string}}\n", "book id=1 title=A\n", "  book: {fields: {title: string}}\n"},
	{"soft delete no more with deleted rows", "  book: {soft_delete: true, fields: {title: string}}\n", "book id=1 title=A deleted_at=2026-01-01T00:00:00Z\n", "  book: {fields: {title: string}}\n"},
	{"timestamps", "  book: {fields: {title: string}}\n", "book id=1 title=A\n", "  book: {timestamps: true, fields: {title: string}}\n"},
	{"set more", books, bookRows, strings.Replace(books, "name: string", "name: string, likes: many book", 1)},
	{"set less", "  book: {fields: {title: string, tags: many tag}}\n  tag: {fields: {name: string}}\n", "book id=1 title=A\ntag id=1 name=t\nbooks_tags book_id=1 tag_id=1\n",
		"  book: {fields: {title: string}}\n  tag: {fields: {name: string}}\n"},
	{"set renamed", "  book: {fields: {title: string, tags: many tag}}\n  tag: {fields: {name: string}}\n", "book id=1 title=A\ntag id=1 name=t\nbooks_tags book_id=1 tag_id=1\n",
		"  book: {fields: {title: string, labels: many label was=tags}}\n  label: {was: tag, fields: {name: string}}\n"},
	{"key", "  book: {fields: {a: int, b: int}}\n", "book id=1 a=1 b=2\n", "  book: {key: [a, b], fields: {a: int, b: int}}\n"},
	{"key of an empty table", "  book: {fields: {a: int, b: int}}\n  page: {fields: {book: book optional}}\n", "page id=1\n", "  book: {id: uuid, fields: {a: string, b: int}}\n  page: {fields: {book: book optional}}\n"},
	{"everything at once", books, bookRows, "  book: {soft_delete: true, fields: {name: string was=title unique, pages: decimal optional, lang: string default=en, author: author optional, tags: many tag}}\n  author: {fields: {name: string max=20, born: date optional}}\n  tag: {fields: {name: slug unique}}\n"},
}

// TestChanges plans and applies every kind of change, and compares plans and rows with golden files.
func TestChanges(t *testing.T) {
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			var got strings.Builder
			rows := map[string]string{}
			worlds(t, func(t *testing.T, w *world) {
				before, after := read(t, c.before), read(t, c.after)
				w.apply(before)
				w.settled(before)
				w.fill(before, c.rows)
				kept := w.dump(before)
				p := w.plan(after)
				fmt.Fprintf(&got, "-- %s --\n", w.Dialect().Name())
				if err := p.Write(&got, migrate.Text{Locks: true, SQL: true}); err != nil {
					t.Fatal(err)
				}
				w.refused(p)
				if now := w.dump(before); now != kept {
					t.Errorf("a plan that was refused has changed rows:\n%s", cmp.Diff(kept, now))
				}
				result, err := migrate.Apply(t.Context(), w.Conn, p, migrate.Allow{All: true, Partial: true})
				if err != nil {
					t.Fatalf("%v\n%s", err, text(p))
				}
				left := w.plan(after)
				if diff := cmp.Diff(ids(result.Left), ids(left.Steps)); diff != "" {
					t.Errorf("a second plan is not what was left (-left +second):\n%s%s", diff, scripts(left))
				}
				if p.Count(migrate.Blocked) == 0 {
					rows[w.Dialect().Name()] = w.dump(after)
				}
				if found, err := migrate.Drift(t.Context(), w.Conn); err != nil || len(found) > 0 {
					t.Errorf("drift: %v, %v", found, err)
				}
			})
			if diff := cmp.Diff(rows["sqlite"], rows["postgres"]); diff != "" && !strings.Contains(c.name, "now") && !strings.Contains(c.name, "uuid") && !strings.Contains(c.name, "timestamps") {
				t.Errorf("rows differ between the databases:\n%s", diff)
			} else if diff == "" {
				got.WriteString("-- rows --\n" + rows["sqlite"])
			}
			golden(t, filepath.Join("testdata/changes", strings.ReplaceAll(c.name, " ", "-")+".txt"), got.String())
		})
	}
}

// refused fails unless a plan that needs a word more than "apply" is refused without it.
func (w *world) refused(p *migrate.Plan) {
	w.Helper()
	var want error
	for _, s := range p.Steps {
		if s.Risk == migrate.Blocked || s.Risk == migrate.Destructive {
			want = map[migrate.Risk]error{migrate.Blocked: migrate.ErrBlocked, migrate.Destructive: migrate.ErrNotAllowed}[s.Risk]
			break
		}
	}
	if want == nil {
		return
	}
	if _, err := migrate.Apply(w.Context(), w.Conn, p, migrate.Allow{}); !errors.Is(err, want) {
		w.Errorf("applied without a word: %v, want %v", err, want)
	}
}

func ids(steps []migrate.Step) (out []string) {
	for _, s := range steps {
		out = append(out, s.ID)
	}
	return out
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
