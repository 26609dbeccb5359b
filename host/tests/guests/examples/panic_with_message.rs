//! Panics with a message that a person must get to see.

guests::guest!(|settings| panic!("the backup of {settings} is 3 days old"));
