//! Right and wrong callers: who may what, method by method; many at once; and those who only want to be in the way.

#![allow(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

mod callers {
    pub mod flood;
    pub mod matrix;
    pub mod several;
}
