package cli

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long files must rest before a change counts: editors write in several steps.
const quiet = 200 * time.Millisecond

// changes says which kinds of files changed.
type changes struct{ schema, seed, config bool }

// watch reports changes below an application's folder until ctx is done. It
// watches folders, not files, because editors replace files. The database's
// own folder is left out.
func watch(ctx context.Context, folder, database string) (<-chan changes, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	data := ""
	if database != "" {
		data = filepath.Dir(database)
	}
	if err := watchTree(w, folder, folder, data); err != nil {
		w.Close()
		return nil, err
	}
	out := make(chan changes)
	go func() {
		defer close(out)
		defer w.Close()
		var seen changes
		var rest <-chan time.Time
		for {
			select {
			case <-ctx.Done():
				return
			case e, open := <-w.Events:
				if !open {
					return
				}
				if e.Has(fsnotify.Create) {
					// Best effort: a folder that is gone again is nothing to watch.
					_ = watchTree(w, folder, e.Name, data)
				}
				if e.Op == fsnotify.Chmod || !seen.mark(folder, e.Name) {
					continue
				}
				rest = time.After(quiet)
			case _, open := <-w.Errors:
				if !open {
					return
				}
				seen.schema = true // events may be lost: look again
				rest = time.After(quiet)
			case <-rest:
				select {
				case out <- seen:
				case <-ctx.Done():
					return
				}
				seen, rest = changes{}, nil
			}
		}
	}()
	return out, nil
}

func watchTree(w *fsnotify.Watcher, folder, from, data string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			return nil
		case path != folder && strings.HasPrefix(d.Name(), "."), d.Name() == "node_modules":
			return filepath.SkipDir
		case path == data && path != folder:
			return filepath.SkipDir
		}
		return w.Add(path)
	})
}

// mark notes what a changed file means, and reports whether it means anything.
func (c *changes) mark(folder, path string) bool {
	rel, err := filepath.Rel(folder, path)
	if err != nil {
		return false
	}
	name, ext := filepath.Base(rel), filepath.Ext(rel)
	switch {
	case strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~"):
		return false
	case rel == configFile:
		c.config = true
	case filepath.Dir(rel) == seedFolder:
		c.seed = true
	case filepath.Base(filepath.Dir(rel)) == seedFolder: // of a module, or one that is called so
		c.seed, c.schema = true, true
	case ext == ".yaml" || ext == ".yml" || ext == ".csv" || name == "model.conf":
		c.schema = true
	default:
		return false
	}
	return true
}
