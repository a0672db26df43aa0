package migrate_test

import (
	"testing"

	. "github.com/dowel-dev/dowel/storage/storagetest"
)

func TestFromNothing(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		s := Schema(
			Class("book", Text("title", Unique), Of("email", "mail", Unique), Ref("author", "author", "books", Optional), Many("tags", "tag", "name", ""), SoftDelete),
			Class("author", Text("name")), Class("tag", Text("name", Unique)),
			Class("vote", Ref("book", "book", "votes"), Ref("author", "author", "votes"), Key("book", "author")),
		)
		p := w.apply(s)
		t.Log(text(p))
		w.settled(s)
	})
}
