"""Movement tasks as Gymnasium environments on native threads.

``Task`` says what to observe, reward and stop at; ``BioVectorEnv`` runs many of one task,
``BioEnv`` one.
"""
