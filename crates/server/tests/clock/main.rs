//! What depends on time, with a clock that is moved by hand: the whole pipeline, over a store in memory.

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
