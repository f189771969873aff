//! What services are given, over a store in memory.

#[cfg(test)]
mod tests;
