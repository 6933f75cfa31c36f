"""Headers of published models without their weights: names, shapes and types of every tensor.

``*.txt`` hold them, a line for many tensors at once; ``headers`` reads these and writes files whose
header is true and whose weights are a hole; ``expected`` says by hand what each model is; ``make``
made the lines from the libraries that define the models.
"""
