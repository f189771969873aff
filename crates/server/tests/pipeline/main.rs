//! The whole pipeline over a store in memory: what depends on time, with a clock that is moved by hand, and what happens to
//! handlers that break the rules.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod doer;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod made;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod watched;
#[cfg(test)]
mod world;
