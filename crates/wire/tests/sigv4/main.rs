//! Signature Version 4 against AWS's signing test suite, and against everyone who changes a signed request.

#[cfg(test)]
mod foreign;
#[cfg(test)]
mod random;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod support;
