"""The pages: layout only; what they show comes from the dispatcher."""
