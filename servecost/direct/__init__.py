"""The direct arm: a recipe's predictor called in a script. Python 3.7, standard library."""
