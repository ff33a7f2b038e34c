"""lmms-eval, both ways: our tasks as folders that it runs, our models as models of its."""
