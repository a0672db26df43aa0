// Package migrate brings the tables of a database to what a schema wants, without
// losing a row and without holding up those who work with it.
//
// A database is data (Database): Desired makes it of a schema, Inspect reads the
// one that is there. Diff compares the two and gives a Plan: one Step a change, each
// with its risk, the rows it touches, the lock it takes, how long it will take, and its SQL. Apply
// runs exactly that plan and notes every step in _dowel_migrations, so that it goes on where it was
// interrupted. What would lose values runs only when it is named; what the rows do not allow is
// blocked, with a query that lists them.
//
//	plan, err := migrate.Make(ctx, conn, schema)
//	err = plan.Write(os.Stdout, migrate.Text{})
//	result, err := migrate.Apply(ctx, conn, plan, migrate.Allow{})
//
// Both stores adapt a connection (Conn); everything else is here, also what the
// two databases do differently (sqlite*.go, postgres*.go).
package migrate
