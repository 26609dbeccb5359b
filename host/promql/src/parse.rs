//! Text to tree, with every error at its place. (Being written.)
