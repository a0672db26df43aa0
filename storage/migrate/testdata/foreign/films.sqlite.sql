CREATE TABLE Artists (
  ArtistId INTEGER PRIMARY KEY AUTOINCREMENT,
  Name NVARCHAR(120)
);
CREATE TABLE Albums (
  AlbumId INTEGER NOT NULL PRIMARY KEY,
  Title NVARCHAR(160) NOT NULL,
  ArtistId INTEGER NOT NULL REFERENCES artists ON DELETE CASCADE,
  Price NUMERIC(10,2) DEFAULT 9.99,
  Released DATE,
  Stocked DATETIME DEFAULT CURRENT_TIMESTAMP,
  InPrint BOOLEAN NOT NULL DEFAULT 1,
  Cover BLOB,
  Format TEXT NOT NULL DEFAULT 'lp' CHECK (Format IN ('lp', 'cd', 'it''s a tape')),
  Rating REAL CHECK (Rating >= 0),
  UNIQUE (ArtistId, Title)
);
CREATE INDEX albums_released ON Albums (Released DESC);
CREATE INDEX albums_title ON Albums (Title);
CREATE TABLE Genres (Code VARCHAR(10) PRIMARY KEY, Label TEXT UNIQUE COLLATE NOCASE);
CREATE TABLE album_genres (album_id INTEGER REFERENCES Albums (AlbumId), genre_id VARCHAR(10) REFERENCES Genres (Code), PRIMARY KEY (genre_id, album_id));
CREATE TABLE employees (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  reports_to INTEGER REFERENCES employees (id) ON DELETE SET NULL,
  born DATE,
  zip "VARCHAR(5)",
  untyped,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL
);
CREATE TABLE teams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE members (team_id INTEGER NOT NULL REFERENCES teams, employee_id INTEGER NOT NULL REFERENCES employees, PRIMARY KEY (team_id, employee_id));
CREATE TABLE seats (hall INTEGER, seat INTEGER, PRIMARY KEY (hall, seat));
CREATE TABLE tickets (id INTEGER PRIMARY KEY, hall INTEGER, seat INTEGER, no INT GENERATED ALWAYS AS (hall * 100 + seat) STORED, FOREIGN KEY (hall, seat) REFERENCES seats (hall, seat));
CREATE TABLE loose (a TEXT, b TEXT);
CREATE TABLE thin (a TEXT PRIMARY KEY, b TEXT) WITHOUT ROWID;
CREATE VIEW titles AS SELECT Title FROM Albums;
CREATE TRIGGER album_gone AFTER DELETE ON Albums BEGIN SELECT 1; END;
INSERT INTO Artists (Name) VALUES ('AC/DC'), ('Accept');
INSERT INTO Albums (AlbumId, Title, ArtistId, Released) VALUES (1, 'For Those About To Rock', 1, '1981-11-23'), (2, 'Balls to the Wall', 2, NULL);
INSERT INTO Genres VALUES ('rock', 'Rock');
INSERT INTO album_genres (album_id, genre_id) VALUES (1, 'rock');
INSERT INTO employees VALUES (1, 'Andrew', NULL, '18/02/1962', '01234', 'x', '2020-01-01T00:00:00.000000Z', '2020-01-01T00:00:00.000000Z');
