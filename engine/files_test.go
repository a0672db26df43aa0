package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
	"github.com/dowel-dev/dowel/storage/blob"
	"github.com/dowel-dev/dowel/storage/blob/blobtest"
)

var album = fstest.MapFS{"dowel.yaml": {Data: []byte(`
dowel: 1
defaults: {timestamps: false}
roles: {agent: , reader: }
classes:
  picture:
    key: [year, number]
    fields:
      year: int
      number: int
      title: string optional
      image: file max=100MB
      thumb: file accept=image/png max=10
    allow: {read: [agent, reader], write: agent, delete: agent}
`)}}

// albumOf opens the application with a picture in it.
func albumOf(t *testing.T, o enginetest.Options) (app *enginetest.App, agent string) {
	t.Helper()
	app = enginetest.Open(t, album, o)
	app.Make(t, "picture", `{"year": 2026, "number": 1}`)
	return app, "Authorization: " + app.Bearer(t, "1", "agent")
}

// kept counts what a store has.
func contents(t *testing.T, s blob.Store) (n int) {
	t.Helper()
	for _, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestFilesInForms(t *testing.T) {
	files := blob.NewMemory()
	app, agent := albumOf(t, enginetest.Options{Files: files})
	part := func(head, content string) string { return "--b\r\n" + head + "\r\n\r\n" + content + "\r\n" }
	image := part("Content-Disposition: form-data; name=\"image\"; filename=\"C:\\\\a/b.gif\"\r\nContent-Type: image/gif", "one\r\ntwo")
	for _, tt := range []struct {
		name, media, content string
		status               int
		want                 string
	}{
		{"a file", "multipart/form-data; boundary=b", image + "--b--\r\n", 200, `"name":"b.gif","size":8,"type":"image/gif"`},
		{"called file", "multipart/form-data; boundary=b", part(`Content-Disposition: form-data; name="file"; filename="a"`, "x") + "--b--\r\n", 200, `"type":"application/octet-stream"`},
		{"nothing in it", "multipart/form-data; boundary=b", part(`Content-Disposition: form-data; name="image"; filename="a"`, "") + "--b--\r\n", 200, `"size":0`},
		{"two files", "multipart/form-data; boundary=b", image + image + "--b--\r\n", 400, "more than the file"},
		{"another field", "multipart/form-data; boundary=b", part(`Content-Disposition: form-data; name="title"`, "x") + image + "--b--\r\n", 400, "called `title`"},
		{"no file", "multipart/form-data; boundary=b", part(`Content-Disposition: form-data; name="image"`, "x") + "--b--\r\n", 400, "a file called `image`"},
		{"no end", "multipart/form-data; boundary=b", image, 400, "to its end"},
		{"another boundary", "multipart/form-data; boundary=c", image, 400, "to its end"},
		{"no boundary", "multipart/form-data", image, 400, "`boundary`"},
		{"encoded", "multipart/form-data; boundary=b", part("Content-Disposition: form-data; name=\"image\"; filename=\"a\"\r\nContent-Transfer-Encoding: base64", "eA==") + "--b--\r\n", 400, "must not be encoded"},
		{"a long head", "multipart/form-data; boundary=b", part("Content-Disposition: form-data; name=\"image\"; filename=\"a\"\r\nX-A: "+strings.Repeat("a", 70<<10), "x") + "--b--\r\n", 400, "too much ahead"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := contents(t, files)
			res := app.Do(t, http.MethodPut, "/api/pictures/2026-1/image", tt.content, agent, "Content-Type: "+tt.media)
			if res.Status != tt.status || !strings.Contains(res.Body, tt.want) {
				t.Errorf("%d %s, want %d and %s", res.Status, res.Body, tt.status, tt.want)
			}
			if now := contents(t, files); tt.status != 200 && now != before {
				t.Errorf("%d are kept, and were %d", now, before)
			}
		})
	}
}

// guarded is content that must not be read.
type guarded struct{ t *testing.T }

func (g guarded) Read([]byte) (int, error) {
	g.t.Error("the content was read")
	return 0, io.EOF
}

func (guarded) Close() error { return nil }

func TestRefusedUploadsAreNotRead(t *testing.T) {
	app, agent := albumOf(t, enginetest.Options{})
	reader := "Authorization: " + app.Bearer(t, "2", "reader")
	for _, tt := range []struct {
		name, target, who, media string
		length                   int64
		field                    string
		status                   int
	}{
		{"no credentials", "2026-1/image", "", "image/png", -1, "", 401},
		{"no right", "2026-1/image", reader, "image/png", -1, "", 403},
		{"no row", "2026-2/image", agent, "image/png", -1, "", 404},
		{"no field", "2026-1/other", agent, "image/png", -1, "", 404},
		{"no file", "2026-1/image", agent, "text/plain; charset", -1, "", 415},
		{"not of that type", "2026-1/thumb", agent, "image/gif", -1, "", 415},
		{"declared too large", "2026-1/thumb", agent, "image/png", 11, "", 413},
		{"another state", "2026-1/image", agent, "image/png", -1, `If-Match: "x"`, 412},
		{"a name that is none", "2026-1/image?name=a%2Fb", agent, "image/png", -1, "", 409},
		{"explained", "2026-1/image?explain", agent, "image/png", -1, "", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPut, "/api/pictures/"+tt.target, guarded{t})
			r.ContentLength, r.Header["Content-Type"] = tt.length, []string{tt.media}
			for _, f := range []string{tt.who, tt.field} {
				if name, value, ok := strings.Cut(f, ": "); ok {
					r.Header.Set(name, value)
				}
			}
			w := httptest.NewRecorder()
			app.Handler().ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("%d, want %d: %s", w.Code, tt.status, w.Body)
			}
		})
	}
}

func TestUploadsThatComeToNothingLeaveNothing(t *testing.T) {
	files := blob.NewFolder(filepath.Join(t.TempDir(), "files"))
	app, agent := albumOf(t, enginetest.Options{Files: files})
	_, value, _ := strings.Cut(agent, ": ")
	for _, tt := range []struct {
		name, query string
		content     io.Reader
		status      int
	}{
		{"it breaks off", "image", io.MultiReader(strings.NewReader("abc"), broken{}), 400},
		{"it is too much", "thumb", strings.NewReader("01234567890"), 413},
		{"it is tried", "image?dry_run", strings.NewReader("abc"), 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPut, "/api/pictures/2026-1/"+tt.query, tt.content)
			r.ContentLength = -1
			r.Header.Set("Content-Type", "image/png")
			r.Header.Set("Authorization", value)
			w := httptest.NewRecorder()
			app.Handler().ServeHTTP(w, r)
			if w.Code != tt.status {
				t.Errorf("%d, want %d: %s", w.Code, tt.status, w.Body)
			}
			if n := contents(t, files); n != 0 {
				t.Errorf("%d are kept", n)
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the line was cut") }

// endless has bytes of no meaning.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestFilesAreStreamed sends and fetches far more than either may allocate.
func TestFilesAreStreamed(t *testing.T) {
	const size, most = 64 << 20, 8 << 20
	app, agent := albumOf(t, enginetest.Options{Files: blob.NewFolder(filepath.Join(t.TempDir(), "files"))})
	s := httptest.NewServer(app.Handler())
	defer s.Close()
	_, value, _ := strings.Cut(agent, ": ")
	for _, method := range []string{http.MethodPut, http.MethodGet} {
		var body io.Reader
		if method == http.MethodPut {
			body = io.LimitReader(endless{}, size)
		}
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/api/pictures/2026-1/image", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "image/png")
		r.Header.Set("Authorization", value)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		res, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", method, res.StatusCode, err)
		}
		runtime.ReadMemStats(&after)
		if method == http.MethodGet && n != size {
			t.Errorf("%d bytes came back", n)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > most {
			t.Errorf("%s of %d bytes allocated %d", method, size, used)
		}
	}
}

func TestFilesInS3(t *testing.T) {
	files, err := blob.Open(blobtest.Bucket(t, "/album"), "")
	if err != nil {
		t.Fatal(err)
	}
	app, agent := albumOf(t, enginetest.Options{Files: files})
	content := strings.Repeat("0123456789", 600_000) // more than one part
	if res := app.Do(t, http.MethodPut, "/api/pictures/2026-1/image", content, agent, "Content-Type: image/png"); res.Status != 200 {
		t.Fatalf("%d %s", res.Status, res.Body)
	}
	if res := app.Do(t, http.MethodGet, "/api/pictures/2026-1/image", "", agent); res.Status != 200 || res.Body != content {
		t.Errorf("%d with %d bytes", res.Status, len(res.Body))
	}
	res := app.Do(t, http.MethodGet, "/api/pictures/2026-1/image", "", agent, "Range: bytes=5999995-")
	if res.Status != 206 || res.Body != "56789" {
		t.Errorf("%d %q", res.Status, res.Body)
	}
}

// TestContentThatIsGone holds that nobody takes half of a store for a record without a file.
func TestContentThatIsGone(t *testing.T) {
	files := blob.NewMemory()
	var log bytes.Buffer
	app, agent := albumOf(t, enginetest.Options{Files: files, Log: &log})
	app.Do(t, http.MethodPut, "/api/pictures/2026-1/image", "x", agent, "Content-Type: image/png")
	for info := range files.List(t.Context(), "") {
		if err := files.Delete(t.Context(), info.Key); err != nil {
			t.Fatal(err)
		}
	}
	res := app.Do(t, http.MethodGet, "/api/pictures/2026-1/image", "", agent)
	if res.Status != 503 || !strings.Contains(res.Body, `"storage-unavailable"`) {
		t.Errorf("%d %s", res.Status, res.Body)
	}
	if strings.Contains(res.Body, "picture/image/") || !strings.Contains(log.String(), "picture/image/") {
		t.Errorf("the key is for the log alone: %s", log.String())
	}
}

func TestFilesAreSwept(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open onstores.Open) {
		files := blob.NewMemory()
		now := time.Now()
		app, agent := albumOf(t, enginetest.Options{Store: open, Files: files, Clock: func() time.Time { return now }})
		app.Make(t, "picture", `[{"year": 2026, "number": 2}, {"year": 2025, "number": 3}]`)
		put := func(id, field, content string) {
			t.Helper()
			if res := app.Do(t, http.MethodPut, "/api/pictures/"+id+"/"+field, content, agent, "Content-Type: image/png"); res.Status != 200 {
				t.Fatalf("%d %s", res.Status, res.Body)
			}
		}
		put("2026-1", "image", "first")
		put("2026-1", "image", "second") // an orphan
		put("2026-1", "thumb", "small")
		put("2026-2", "image", "other") // goes with its row
		put("2025-3", "image", "third")
		put("2025-3", "thumb", "third") // becomes null
		for target, status := range map[string]int{"/api/pictures/2026-2": 204, "/api/pictures/2025-3/thumb": 204} {
			if res := app.Do(t, http.MethodDelete, target, "", agent); res.Status != status {
				t.Fatalf("%s: %d %s", target, res.Status, res.Body)
			}
		}
		// What another application has in the same place is its own.
		if err := files.Put(t.Context(), "other/picture/image/aa/bb", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			later         time.Duration
			removed, left int
		}{{23 * time.Hour, 0, 7}, {25 * time.Hour, 3, 4}, {25 * time.Hour, 0, 4}} {
			now = time.Now().Add(step.later)
			n, err := app.SweepFiles(t.Context())
			if err != nil || n != step.removed || contents(t, files) != step.left {
				t.Errorf("after %s: %d removed and %d left, %v; want %d and %d", step.later, n, contents(t, files), err, step.removed, step.left)
			}
		}
		now = time.Now()
		for target, want := range map[string]string{"2026-1/image": "second", "2026-1/thumb": "small", "2025-3/image": "third"} {
			if res := app.Do(t, http.MethodGet, "/api/pictures/"+target, "", agent); res.Body != want {
				t.Errorf("%s is %d %s, want %s", target, res.Status, res.Body, want)
			}
		}
	})
}

// TestUploadsAtOnce has several replace files while sweeps run: what is fetched is whole.
func TestUploadsAtOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open onstores.Open) {
		app, agent := albumOf(t, enginetest.Options{Store: open})
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				for n := range 4 {
					content := strings.Repeat(fmt.Sprint(i), 1000*(i+1)+n)
					if res := app.Do(t, http.MethodPut, "/api/pictures/2026-1/image", content, agent, "Content-Type: text/plain"); res.Status != 200 {
						t.Errorf("%d %s", res.Status, res.Body)
					}
					if _, err := app.SweepFiles(t.Context()); err != nil {
						t.Error(err)
					}
					res := app.Do(t, http.MethodGet, "/api/pictures/2026-1/image", "", agent)
					if one := res.Body[:min(1, len(res.Body))]; res.Status != 200 || strings.Trim(res.Body, one) != "" || fmt.Sprint(len(res.Body)) != res.Header.Get("Content-Length") {
						t.Errorf("%d with %d bytes", res.Status, len(res.Body))
					}
				}
			})
		}
		all.Wait()
	})
}
