package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// programs finds the folder of PostgreSQL's programs.
func programs() (string, error) {
	var places []string
	if given := os.Getenv("DOWEL_TEST_PGBIN"); given != "" {
		if !hasPrograms(given) {
			return "", fmt.Errorf("DOWEL_TEST_PGBIN=%s has no initdb, postgres and pg_basebackup", given)
		}
		return given, nil
	}
	places = append(places, filepath.SplitList(os.Getenv("PATH"))...)
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		places = append(places, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin"} {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
		places = append(places, found...)
	}
	for _, dir := range places {
		if hasPrograms(dir) {
			return dir, nil
		}
	}
	return "", errors.New("these tests need PostgreSQL: install it (apt-get install postgresql), or name its programs' folder in DOWEL_TEST_PGBIN, or a server in " + ServerEnv)
}

func hasPrograms(dir string) bool {
	for _, name := range []string{"initdb", "postgres", "pg_basebackup"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return filepath.IsAbs(dir)
}

// version reads the number in the path of an installation.
func version(path string) int {
	n := 0
	for _, b := range []byte(path) {
		if b >= '0' && b <= '9' {
			n = n*10 + int(b-'0')
		}
	}
	return n
}
