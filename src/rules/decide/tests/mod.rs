//! What comes of an event, one idea per file. Numbers in names are those of the loop guard's test vectors.

mod actions;
mod burst;
mod loops;
mod modes;
mod once;
mod pure;
mod reports;
mod scripts;
mod told;
mod vetoes;
