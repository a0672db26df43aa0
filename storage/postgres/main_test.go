package postgres

import (
	"os"
	"testing"

	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
