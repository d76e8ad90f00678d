"""Where things are kept: the ledger in SQL, bytes in blobs. The only room that knows a database driver."""
