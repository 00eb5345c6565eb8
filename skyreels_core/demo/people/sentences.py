"""What the demo's people say: everyday sentences with every English sound, some of them held out."""

from __future__ import annotations

import random

SENTENCES = (
    "My father bought five small boats before the summer.",
    "We would love to show you something new today.",
    "Maybe you could move the blue chair over to the window.",
    "Please give me a cup of coffee and a piece of bread.",
    "What a wonderful view we have from up here!",
    "She keeps her shiny shoes on the top shelf.",
    "The weather will be fine for the whole week.",
    "How many apples fit into that brown paper bag?",
    "Thank you very much for coming over so early.",
    "Both of my brothers play music in a village band.",
    "Open the door and let the fresh air in.",
    "I usually go for a walk along the beach at noon.",
    "Who put the yellow umbrella behind the sofa?",
    "Our team finished the project a month ahead of time.",
    "Children enjoy jumping over puddles after the rain.",
    "He found a very old map of the mountain valley.",
    "Be careful, the soup is much too hot to eat.",
    "Perhaps we should measure the garage before we buy the boat.",
    "Few people know how quiet the forest is at dawn.",
    "Would you mind waiting for a moment, please?",
    "The baby laughed at the puppy with the fluffy ears.",
    "I thought about the question for three whole days.",
    "Yesterday the market was full of fruit and flowers.",
    "Bring me the big green book from the table.",
    "Look at the moon, it is almost round tonight.",
    "My favourite song makes me move my feet.",
    "Why did the visitors leave without saying goodbye?",
    "Every morning a pair of birds sings above my room.",
    "That movie was funnier than the one before.",
    "Let us choose a warm place for the winter.",
    "We used to fish for perch under the old bridge.",
    "I hope the bus will arrive on time for once.",
    "Jim packed his bags and flew home to his family.",
    "You never forget how to ride a bicycle.",
    "The museum by the river opens at half past nine.",
    "Show me how you fold a paper plane.",
    "Pepper, butter and basil belong in this soup.",
    "A good joke can save a boring evening.",
    "It is a pleasure to meet you, welcome to our house.",
    "Vivian wears a purple scarf with a fur collar.",
)
HELD_OUT = (
    "Bob made a bowl of popcorn for the movie.",
    "The voyage to the island took fewer than four hours.",
    "Should we paint the fence white or maybe blue?",
    "My grandmother tells the best stories about the village.",
    "Put the warm bread on the wooden board.",
    "You are welcome to stay for supper with us.",
    "Every beach has its own shape and colour.",
    "Five brave firemen pulled the puppy from the pond.",
    "I am sure that we will find a way together.",
    "The choir sang so beautifully that nobody moved.",
)


def draw_text(rng: random.Random, count: int, held_out: bool = False) -> str:
    """`count` different sentences, one after the other."""
    return " ".join(rng.sample(HELD_OUT if held_out else SENTENCES, count))
