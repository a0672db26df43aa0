package cli

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/dowel-dev/dowel/authz"
)

// loadOther loads another state of an application: a folder or file, or a
// revision of git that holds the folder (git:REF; the prefix may be left out where
// nothing here is called like the revision).
func (r *run) loadOther(against, here string) (*project, error) {
	ref, git := strings.CutPrefix(against, "git:")
	if !git {
		if _, err := os.Stat(against); err == nil {
			return r.load(against, false)
		}
	}
	folder, root, err := place(here)
	if err != nil {
		return nil, err
	}
	was, err := r.checkout(ref, folder)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(was)
	p, err := r.load(filepath.Join(was, root), false)
	if err != nil {
		return nil, fmt.Errorf("%s as it was at %s: %w", here, ref, err)
	}
	return p, nil
}

// mostOfRevision bounds the bytes taken out of a revision. Schemas and policies are small.
const mostOfRevision = 64 << 20

// checkout writes the schema and policy files of a folder, as a revision of git
// has them, to a folder that whoever calls removes.
func (r *run) checkout(ref, folder string) (string, error) {
	git := func(args ...string) ([]byte, error) {
		c := exec.CommandContext(r.ctx, "git", append([]string{"-C", folder}, args...)...)
		var told bytes.Buffer
		c.Stderr = &told
		out, err := c.Output()
		if errors.Is(err, exec.ErrNotFound) {
			return nil, unavailable(errors.New("git is not installed"))
		}
		if err != nil {
			line, _, _ := strings.Cut(strings.TrimSpace(told.String()), "\n")
			return nil, unavailable(fmt.Errorf("git %s: %s", args[0], line))
		}
		return out, nil
	}
	commit, err := git("rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return "", unavailable(fmt.Errorf("%s is neither a folder nor a revision of git", ref))
	}
	packed, err := git("archive", "--format=tar", strings.TrimSpace(string(commit)), ".")
	if err != nil {
		return "", err
	}
	to, err := os.MkdirTemp("", "dowel-")
	if err != nil {
		return "", unavailable(err)
	}
	if err := unpack(tar.NewReader(bytes.NewReader(packed)), to); err != nil {
		os.RemoveAll(to)
		return "", unavailable(err)
	}
	return to, nil
}

// unpack writes the files of an archive that schemas and policies are made of.
func unpack(from *tar.Reader, to string) error {
	left := int64(mostOfRevision)
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(name) || !(path.Ext(name) == ".yaml" || path.Ext(name) == ".yml" || authz.IsPolicyFile(name)) {
			continue
		}
		if left -= h.Size; left < 0 {
			return fmt.Errorf("the revision holds more than %d bytes of schema and policy", mostOfRevision)
		}
		at := filepath.Join(to, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		content, err := io.ReadAll(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(at, content, 0o600); err != nil {
			return err
		}
	}
}
