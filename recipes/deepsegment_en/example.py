"""The example of fastDeploy's benchmark page, with the segmentation that the page expects of it."""

name = "deepsegment_en"

example = [
    "I was hungry i ordered a pizza and i went to the movies which movie did you go to i watched dark knight rises "
    "oh how was it it was a good movie yeah thought so"
]

example_segments = [
    "I was hungry",
    "i ordered a pizza and i went to the movies",
    "which movie did you go to",
    "i watched dark knight rises",
    "oh how was it",
    "it was a good movie",
    "yeah thought so",
]

# The settings that change the answers: whoever compares answers has to compare them under the same values.
settings = ["DEEPSEGMENT_WEIGHTS"]
