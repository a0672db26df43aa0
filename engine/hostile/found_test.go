package hostile_test

import (
	"testing"

	"github.com/dowel-dev/dowel/engine"
)

// A field that is made of another asks to be sent where nothing can be made of it.
func TestNothingToDerive(t *testing.T) {
	for _, onDisk := range []bool{false, true} {
		w := opened(t, example("blog"), onDisk, engine.Settings{})
		w.Make(t, "user", `[{"email":"a@x.io","name":"A","password":"correct horse"},{"email":"b@x.io","name":"B","password":"correct horse"}]`)
		w.must(t, 409, agent, "POST", "/api/posts", `{"title":"%","body":"x"}`)
		w.must(t, 201, agent, "POST", "/api/posts", `{"title":"%","slug":"percent","body":"x"}`)
	}
}
