package cli_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// exchange is a request and what is to come back.
type exchange struct {
	name, method, path, content string
	status                      int
	text                        string // of the answer
}

// TestIntrospectedTablesAreServed makes applications of databases of somebody else, and works with their rows.
func TestIntrospectedTablesAreServed(t *testing.T) {
	sql := func(name string) string {
		text, err := os.ReadFile(filepath.Join("../../storage/migrate/testdata/foreign", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.Schema(t)
		db, err := pgconn.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close(context.Background())
		if _, err := db.Exec(t.Context(), sql("films.postgres.sql")).ReadAll(); err != nil {
			t.Fatal(err)
		}
		serveForeign(t, url, []exchange{
			{"read", "GET", "/films/1", "", 200, `"title":"ACADEMY DINOSAUR"`},
			{"enum, decimal, json, time", "GET", "/films/1?fields=rating,replacement_cost,extra,premiere", "", 200, `"premiere":"2006-02-15T04:03:42.123Z"`},
			{"time without zone", "GET", "/actors/1", "", 200, `Z"`},
			{"by a key that the column cannot hold", "GET", "/actors/99999999999", "", 404, ``},
			{"filter by a number that the column cannot hold", "GET", "/films?rental_duration=99999999999", "", 200, `[]`},
			{"filter by an enum", "GET", "/films?rating=G", "", 200, `ACADEMY`},
			{"filter by a list", "GET", "/films?film_id=in:1,99999999999", "", 200, `ACADEMY`},
			{"sort by an enum", "GET", "/films?sort=-rating,title", "", 200, `ACADEMY`},
			{"expand", "GET", "/films/1?with=language,categories", "", 200, `Comedy`},
			{"create", "POST", "/films", `{"title":"New","language_id":2,"rating":"PG-13","rental_rate":"2.50","extra":{"b":1}}`, 201, `"film_id":2`},
			{"defaults are the engine's", "GET", "/films/2", "", 200, `"replacement_cost":"19.990"`},
			{"number too large for its column", "POST", "/films", `{"title":"X","language_id":1,"length":99999999}`, 409, `smallint`},
			{"a domain's check", "POST", "/films", `{"title":"X","language_id":1,"release_year":3000}`, 409, `year_check`},
			{"a reference to nothing", "POST", "/films", `{"title":"X","language_id":77}`, 409, `language`},
			{"unique under a foreign name", "POST", "/categories", `{"name":"Comedy"}`, 409, `name`},
			{"change", "PATCH", "/films/2", `{"rating":"R","categories":[1]}`, 200, `"categories":[1]`},
			{"a reference keeps a row", "DELETE", "/languages/2", "", 409, ``},
			{"a composite key", "GET", "/film-actors/1-1", "", 200, `"actor_id":1`},
			{"cascade", "DELETE", "/actors/1", "", 204, ``},
			{"gone with it", "GET", "/film-actors/1-1", "", 404, ``},
			{"a key that clients give", "POST", "/orders", `{"order_no":7,"customer_name":"Ada"}`, 201, `"customer_name":"Ada"`},
			{"the same again", "POST", "/orders", `{"order_no":7,"customer_name":"Bob"}`, 409, ``},
			{"a reference of several columns", "POST", "/boxes", `{"room":9,"place":9}`, 409, `box_room_place_fkey`},
			{"a unique index that no class has", "POST", "/staff", `{"first_name":"A","store_id":1,"active":true}`, 409, ``},
			{"delete", "DELETE", "/films/2", "", 204, ``},
		})
	})
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "shop.db")
		db, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
		if err != nil {
			t.Fatal(err)
		}
		err = sqlitex.ExecuteScript(db, sql("films.sqlite.sql"), nil)
		if closed := db.Close(); err != nil || closed != nil {
			t.Fatal(err, closed)
		}
		serveForeign(t, "sqlite:"+path, []exchange{
			{"read", "GET", "/albums/1", "", 200, `"released":"1981-11-23"`},
			{"expand", "GET", "/albums/1?with=artist", "", 200, `AC/DC`},
			{"create", "POST", "/albums", `{"title":"Metal Heart","artist_id":2,"format":"cd","price":12.5,"in_print":false}`, 201, `"album_id":3`},
			{"filter", "GET", "/albums?price=gt:12&in_print=false", "", 200, `Metal Heart`},
			{"unique under a foreign name", "POST", "/albums", `{"title":"Metal Heart","artist_id":2,"in_print":true}`, 409, `title`},
			{"a check of the database", "POST", "/albums", `{"title":"Y","artist_id":2,"rating":-1,"in_print":true}`, 409, `Rating`},
			{"a list of values", "POST", "/albums", `{"title":"Y","artist_id":2,"format":"mp3","in_print":true}`, 409, `format`},
			{"a reference to nothing", "POST", "/albums", `{"title":"Y","artist_id":9,"in_print":true}`, 409, `artist`},
			{"links", "PATCH", "/genres/rock", `{"albums":[1,3]}`, 200, `[1,3]`},
			{"change", "PATCH", "/employees/1", `{"zip":"00100"}`, 200, `"zip":"00100"`},
			{"a set", "POST", "/teams", `{"name":"red","employees":[1]}`, 201, `"employees":[1]`},
			{"a reference of several columns", "POST", "/tickets", `{"hall":9,"seat":9}`, 409, `leads to a row`},
			{"cascade", "DELETE", "/artists/2", "", 204, ``},
			{"gone with it", "GET", "/albums/3", "", 404, ``},
		})
	})
}

// serveForeign introspects a database, checks that nothing is to change, and serves it.
func serveForeign(t *testing.T, url string, all []exchange) {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "dowel.yaml")
	run := func(want int, args ...string) string {
		t.Helper()
		status, out, said := dowel(t, args...)
		if status != want {
			t.Fatalf("%v: status %d\n%s%s", args, status, out, said)
		}
		return out + said
	}
	run(0, "introspect", "--db", url, "-o", file)
	run(1, "introspect", "--db", url, "-o", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "# allow: {read: user}", "allow: {all: anyone}")), 0o644); err != nil {
		t.Fatal(err)
	}
	run(0, "check", folder)
	if said := run(0, "plan", "--exit-code", "--db", url, folder); !strings.Contains(said, "taken over by the next apply") {
		t.Error(said)
	}
	run(1, "seed", "--db", url, folder) // the tables are not ours yet
	n := serve(t, folder, "--apply", "--db", url)
	for _, x := range all {
		t.Run(x.name, func(t *testing.T) {
			a := n.do(x.method, "/api"+x.path, x.content)
			if a.status != x.status || !strings.Contains(a.body, x.text) {
				t.Errorf("%s %s: %v; want %d %s", x.method, x.path, a, x.status, x.text)
			}
			if a.status == http.StatusInternalServerError {
				t.Error(tail(n.says.String()))
			}
		})
	}
	run(0, "plan", "--exit-code", "--db", url, folder)
	run(0, "seed", "--db", url, folder)
}
