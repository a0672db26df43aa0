package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Folder keeps content as files of a local folder, which is made with the first
// of them. Nobody but the user of the process may read it. Several nodes can share one that all of them mount.
type Folder struct{ path string }

// NewFolder returns a store in a folder.
func NewFolder(path string) *Folder { return &Folder{path} }

// part ends the names of files that are still being written.
const part = ".part"

// Put writes a file beside its place and moves it there when it is whole and on the disk.
func (d *Folder) Put(ctx context.Context, key string, r io.Reader) (err error) {
	if err := checkKey(key); err != nil {
		return err
	}
	path := d.at(key)
	if err := makeAll(filepath.Dir(path)); err != nil {
		return err
	}
	// Beside an earlier try with the same key there is room for another one.
	unique := "." + strconv.FormatInt(time.Now().UnixNano(), 36) + part
	f, err := os.OpenFile(path+unique, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // it may be closed already; what counts is that it goes
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := io.Copy(f, &stoppable{ctx, r}); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// stoppable is a reader that ends with its context.
type stoppable struct {
	ctx context.Context
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// makeAll makes a folder and those above it, so that they outlive a crash.
func makeAll(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(path)
	if err := makeAll(above); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(above)
}

// syncFolder puts the names in a folder on the disk. Where folders cannot be opened for that, the system does it.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	_ = f.Sync() // some file systems refuse this of folders
	return nil
}

// Open implements Store.
func (d *Folder) Open(_ context.Context, key string) (io.ReadSeekCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	f, err := os.Open(d.at(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Delete implements Store.
func (d *Folder) Delete(_ context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := os.Remove(d.at(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// List implements Store.
func (d *Folder) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		err := filepath.WalkDir(d.at(prefix), func(path string, e fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // nothing yet, or gone meanwhile
			case err != nil:
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			case !e.Type().IsRegular():
				return nil
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(d.path, path)
			if err != nil {
				return err
			}
			key := filepath.ToSlash(rel)
			if checkKey(key) != nil {
				return nil // not of ours
			}
			if !yield(Info{key, info.ModTime()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Info{}, err)
		}
	}
}

// Close implements Store.
func (d *Folder) Close() error { return nil }

func (d *Folder) at(key string) string {
	return filepath.Join(d.path, filepath.FromSlash(strings.TrimSuffix(key, "/")))
}
