package cli

import (
	"os"
	"path/filepath"

	"github.com/dowel-dev/dowel/storage/migrate"
)

// migrationsFolder holds the SQL files of applications that keep their changes as files.
const migrationsFolder = "migrations"

// versioned reports whether the application keeps its changes as files.
func (p *project) versioned() bool {
	info, err := os.Stat(filepath.Join(p.folder, migrationsFolder))
	return err == nil && info.IsDir()
}

func (a *applying) files(conn migrate.Conn) error { return a.schema(conn) }
