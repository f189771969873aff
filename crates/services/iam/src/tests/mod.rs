//! Transcripts of calls: what each operation answers and refuses.

mod users;
