//! What services are given, over a store in memory.

#[cfg(test)]
mod denials;
#[cfg(test)]
mod tests;
