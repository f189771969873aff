//! What services are given, over a store in memory.

#[cfg(test)]
mod denials;
#[cfg(test)]
mod tally;
#[cfg(test)]
mod tests;
